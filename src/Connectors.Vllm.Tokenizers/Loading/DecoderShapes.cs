namespace Connectors.Vllm.Tokenizers;

/// <summary>Recognises decoder chains that have a direct implementation.</summary>
internal static class DecoderShapes
{
    private const string Marker = "\u2581";

    public static DecoderKind Recognise(ComponentJson json)
    {
        if (json.IsNull)
        {
            return DecoderKind.JoinWithSpaces;
        }

        if (json.Type == "ByteLevel")
        {
            return DecoderKind.Bytes;
        }

        if (json.Type != "Sequence" || json.Items("decoders") is not { Count: 1 or 3 or 4 } chain)
        {
            return DecoderKind.Chain;
        }

        if (chain.Count == 1)
        {
            return Recognise(chain[0]);
        }

        var plain = chain[0].Type == "Replace" && chain[0].Required("pattern").OptionalString("String") == Marker && chain[0].String("content") == " "
            && chain[1].Type == "ByteFallback" && chain[2].Type == "Fuse";
        if (!plain)
        {
            return DecoderKind.Chain;
        }

        if (chain.Count == 3)
        {
            return DecoderKind.ByteFallback;
        }

        return chain[3].Type == "Strip" && chain[3].String("content") == " " && chain[3].Int("start", 0) == 1 && chain[3].Int("stop", 0) == 0
            ? DecoderKind.ByteFallbackStrip
            : DecoderKind.Chain;
    }
}

namespace Connectors.Vllm.Tokenizers;

/// <summary>Makes decoders from their JSON.</summary>
internal static class DecoderFactory
{
    /// <summary>The decoder that <paramref name="json"/> describes (tagged or untagged form, Sequence included).</summary>
    public static Decoder Create(ComponentJson json) => throw json.Unknown("decoder");
}

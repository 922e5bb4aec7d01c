namespace Connectors.Vllm.Tokenizers;

/// <summary>Markers become blanks; in the first token they go, unless the encoder never adds any.</summary>
internal sealed class MetaspaceDecoder(MetaspaceSettings settings) : Decoder
{
    private readonly string _marker = settings.Marker.ToString();

    public override void Decode(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var drops = i == 0 && settings.Prepend != MetaspacePrepend.Never;
            tokens[i] = tokens[i].Replace(_marker, drops ? string.Empty : " ", StringComparison.Ordinal);
        }
    }
}

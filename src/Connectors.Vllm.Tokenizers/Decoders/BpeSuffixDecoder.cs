namespace Connectors.Vllm.Tokenizers;

/// <summary>The decoder BPEDecoder: the end-of-word suffix becomes a blank, and goes from the last token.</summary>
internal sealed class BpeSuffixDecoder(string suffix) : Decoder
{
    public override void Decode(List<string> tokens)
    {
        if (suffix.Length == 0)
        {
            return;
        }

        for (var i = 0; i < tokens.Count; i++)
        {
            tokens[i] = tokens[i].Replace(suffix, i == tokens.Count - 1 ? string.Empty : " ", StringComparison.Ordinal);
        }
    }
}

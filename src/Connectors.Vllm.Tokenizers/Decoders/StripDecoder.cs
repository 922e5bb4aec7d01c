using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>Takes up to a number of one character off each end of each token.</summary>
internal sealed class StripDecoder(Rune content, int start, int stop) : Decoder
{
    private readonly string _content = content.ToString();

    public override void Decode(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i].AsSpan();
            for (var count = 0; count < start && token.StartsWith(_content, StringComparison.Ordinal); count++)
            {
                token = token[_content.Length..];
            }

            for (var count = 0; count < stop && token.EndsWith(_content, StringComparison.Ordinal); count++)
            {
                token = token[..^_content.Length];
            }

            if (token.Length != tokens[i].Length)
            {
                tokens[i] = token.ToString();
            }
        }
    }
}

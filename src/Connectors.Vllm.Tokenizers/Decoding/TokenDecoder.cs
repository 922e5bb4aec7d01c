using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Normalizers;
using Connectors.Vllm.Tokenizers.PreTokenizers;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>
/// One decoder of a chain: rewrites the list of token strings of a whole decode; the text is what is left, concatenated. Immutable and
/// thread-safe. Chains that have a linear fast path (ByteLevel; Replace, ByteFallback, Fuse, Strip) never come here.
/// </summary>
internal abstract class TokenDecoder
{
    /// <summary>Rewrites <paramref name="tokens"/> in place; it may also join or drop entries.</summary>
    /// <param name="tokens">The tokens' texts.</param>
    /// <param name="budget">What the work may cost.</param>
    public abstract void Decode(List<string> tokens, TextBudget budget);
}

/// <summary>Several decoders in a row.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<TokenDecoder> parts) : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        foreach (var part in parts)
        {
            budget.Spend(tokens.Sum(static token => (long)token.Length) + 1);
            part.Decode(tokens, budget);
        }
    }
}

/// <summary>Joins all tokens into one.</summary>
internal sealed class FuseDecoder : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        var text = string.Concat(tokens);
        tokens.Clear();
        tokens.Add(text);
    }
}

/// <summary>Replaces a pattern inside each token.</summary>
internal sealed class ReplaceDecoder(Normalizer replace) : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
    {
        var output = new Utf8Buffer();
        for (var i = 0; i < tokens.Count; i++)
        {
            output.Clear();
            output.Limit = budget.LongestOutput;
            if (replace.TryNormalize(Encoding.UTF8.GetBytes(tokens[i]), output, budget))
            {
                budget.SpendBytes(output.Length);
                tokens[i] = Encoding.UTF8.GetString(output.Written);
            }
        }
    }
}

/// <summary>Takes up to a number of one character off each end of each token.</summary>
internal sealed class StripDecoder(Rune content, int start, int stop) : TokenDecoder
{
    private readonly string _content = content.ToString();

    public override void Decode(List<string> tokens, TextBudget budget)
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

/// <summary>Markers become blanks; in the first token they go, unless the encoder never adds any.</summary>
internal sealed class MetaspaceDecoder(MetaspaceSettings settings) : TokenDecoder
{
    private readonly string _marker = settings.Marker.ToString();

    public override void Decode(List<string> tokens, TextBudget budget)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var drops = i == 0 && settings.Prepend != MetaspacePrepend.Never;
            tokens[i] = tokens[i].Replace(_marker, drops ? string.Empty : " ", StringComparison.Ordinal);
        }
    }
}

/// <summary>The decoder BPEDecoder: the end-of-word suffix becomes a blank, and goes from the last token.</summary>
internal sealed class BpeSuffixDecoder(string suffix) : TokenDecoder
{
    public override void Decode(List<string> tokens, TextBudget budget)
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

using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.RegularExpressions;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>Replace with a String pattern: every occurrence of a text.</summary>
internal sealed class LiteralReplaceNormalizer(byte[] literal, byte[] content) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        var found = text.IndexOf(literal);
        if (found < 0)
        {
            return false;
        }

        while (found >= 0)
        {
            output.Append(text[..found]);
            output.Append(content);
            text = text[(found + literal.Length)..];
            found = text.IndexOf(literal);
        }

        output.Append(text);
        return true;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text) => content.Length == 0 && text.StartsWith(literal);
}

/// <summary>Replace with a Regex pattern; the content is taken as it is, without group references.</summary>
internal sealed class RegexReplaceNormalizer(RegexProgram pattern, byte[] content) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        // The reference never searches an empty text.
        if (text.IsEmpty)
        {
            return false;
        }

        using var matches = new RegexMatches(pattern, text);
        var end = -1;
        while (matches.MoveNext(text))
        {
            output.Append(text[Math.Max(end, 0)..matches.Start]);
            output.Append(content);
            end = matches.End;
        }

        if (end < 0)
        {
            return false;
        }

        output.Append(text[end..]);
        return true;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text)
    {
        if (content.Length > 0 || text.IsEmpty)
        {
            return false;
        }

        using var matches = new RegexMatches(pattern, text);
        return matches.MoveNext(text) && matches.Start == 0 && matches.End > 0;
    }
}

/// <summary>Puts a text before every segment that is not empty.</summary>
internal sealed class PrependNormalizer(byte[] prefix) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        if (text.IsEmpty || prefix.Length == 0)
        {
            return false;
        }

        output.Append(prefix);
        output.Append(text);
        return true;
    }
}

/// <summary>Takes white space off the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        var start = left ? LeadingBlanks(text) : 0;
        var end = text.Length;
        while (right && end > start && UnicodeSets.WhiteSpace.Contains(CodePoints.ReadBefore(text, end, out var length)))
        {
            end -= length;
        }

        if (end - start == text.Length)
        {
            return false;
        }

        output.Append(text[start..end]);
        return true;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text) => left && LeadingBlanks(text) > 0;

    private static int LeadingBlanks(ReadOnlySpan<byte> text)
    {
        var start = 0;
        while (start < text.Length && UnicodeSets.WhiteSpace.Contains(CodePoints.Read(text, start, out var length)))
        {
            start += length;
        }

        return start;
    }
}

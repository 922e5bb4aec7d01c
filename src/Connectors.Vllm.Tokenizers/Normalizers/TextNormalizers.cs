using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.RegularExpressions;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>Replace with a String pattern: every occurrence of a text.</summary>
internal sealed class LiteralReplaceNormalizer(byte[] literal, byte[] content) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        budget.SpendSearch(text.Length, literal.Length);
        var found = text.IndexOf(literal);
        if (found < 0)
        {
            return false;
        }

        for (var at = 0; ;)
        {
            output.Append(text.Slice(at, found));
            at += found;
            output.AppendFor(at, at + literal.Length, content);
            at += literal.Length;
            found = text[at..].IndexOf(literal);
            if (found < 0)
            {
                output.Append(text[at..]);
                return true;
            }
        }
    }

    public override bool StripsStart(ReadOnlySpan<byte> text, TextBudget budget) => content.Length == 0 && text.StartsWith(literal);
}

/// <summary>Replace with a Regex pattern; the content is taken as it is, without group references.</summary>
internal sealed class RegexReplaceNormalizer(RegexProgram pattern, byte[] content) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        // The reference never searches an empty text.
        if (text.IsEmpty)
        {
            return false;
        }

        using var matches = new RegexMatches(pattern, budget);
        var end = -1;
        while (matches.MoveNext(text))
        {
            output.Append(text[Math.Max(end, 0)..matches.Start]);
            output.AppendFor(matches.Start, matches.End, content);
            end = matches.End;
        }

        if (end < 0)
        {
            return false;
        }

        output.Append(text[end..]);
        return true;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text, TextBudget budget)
    {
        if (content.Length > 0 || text.IsEmpty)
        {
            return false;
        }

        using var matches = new RegexMatches(pattern, budget);
        return matches.MoveNext(text) && matches.Start == 0 && matches.End > 0;
    }
}

/// <summary>Puts a text before every segment that is not empty.</summary>
internal sealed class PrependNormalizer(byte[] prefix) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        if (text.IsEmpty || prefix.Length == 0)
        {
            return false;
        }

        // The prefix counts as part of the first character, as in the reference.
        _ = CodePoints.Read(text, 0, out var first);
        output.Alignment?.Replace(output.Length, 0, first);
        output.Append(prefix);
        output.Alignment?.Copy(output.Length, 0);
        output.Append(text);
        return true;
    }
}

/// <summary>Takes white space off the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
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

        output.Alignment?.Copy(output.Length, start);
        output.Append(text[start..end]);
        return true;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text, TextBudget budget) => left && LeadingBlanks(text) > 0;

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

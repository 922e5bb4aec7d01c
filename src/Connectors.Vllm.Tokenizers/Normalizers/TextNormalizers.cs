using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.RegularExpressions;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>Replace with a String pattern, which replaces every occurrence of a text.</summary>
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

/// <summary>Replace with a Regex pattern; the content is literal, without group references.</summary>
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

/// <summary>Prepends a text to every segment that is not empty.</summary>
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

/// <summary>Removes leading and trailing white space.</summary>
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

/// <summary>The normalizers NFC, NFD, NFKC and NFKD. Their tables are created for the first text that is not ASCII.</summary>
internal sealed class UnicodeFormNormalizer(Func<UnicodeNormalization> form) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget) =>
        !Ascii.IsValid(text) && form().TryNormalize(text, output);
}

/// <summary>Lower-cases each character by itself (no rule for a final sigma).</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        var mapping = UnicodeSets.Lowercase;
        var copied = 0;
        var changed = false;
        for (var i = 0; i < text.Length;)
        {
            var codePoint = CodePoints.Read(text, i, out var length);
            if (codePoint is < 'A' or (> 'Z' and < 0xC0))
            {
                i += length;
                continue;
            }

            var mapped = mapping[codePoint];
            if (!mapped.IsEmpty)
            {
                changed = true;
                output.Append(text[copied..i]);
                copied = i + length;
                output.Alignment?.Replace(output.Length, i, copied);
                foreach (var target in mapped)
                {
                    output.AppendCodePoint(target);
                }

                output.Alignment?.Copy(output.Length, copied);
            }

            i += length;
        }

        if (changed)
        {
            output.Append(text[copied..]);
        }

        return changed;
    }
}

/// <summary>Removes some characters and replaces others with spaces (StripAccents, Nmt, the cleaning step of BertNormalizer).</summary>
internal sealed class FilterNormalizer(CodePointSet dropped, CodePointSet blanks) : Normalizer
{
    private readonly CodePointSet _touched = dropped.Union(blanks);

    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        var copied = 0;
        var changed = false;
        for (var i = 0; i < text.Length;)
        {
            var codePoint = CodePoints.Read(text, i, out var length);
            if (_touched.Contains(codePoint))
            {
                changed = true;
                output.Append(text[copied..i]);
                copied = i + length;
                output.AppendFor(i, copied, dropped.Contains(codePoint) ? [] : " "u8);
            }

            i += length;
        }

        if (changed)
        {
            output.Append(text[copied..]);
        }

        return changed;
    }

    public override bool StripsStart(ReadOnlySpan<byte> text, TextBudget budget) =>
        !text.IsEmpty && dropped.Contains(CodePoints.Read(text, 0, out _));
}

/// <summary>The handle_chinese_chars step of BertNormalizer: adds a space before and after each CJK ideograph.</summary>
internal sealed class CjkSpacingNormalizer : Normalizer
{
    /// <summary>The blocks of the reference, in which 2B820 to 2B91F are missing.</summary>
    private static readonly CodePointSet Ideographs = CodePointSet.FromRanges(
    [
        (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F),
    ]);

    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        var copied = 0;
        var changed = false;
        for (var i = 0; i < text.Length;)
        {
            var codePoint = CodePoints.Read(text, i, out var length);
            if (codePoint >= 0x3400 && Ideographs.Contains(codePoint))
            {
                changed = true;
                output.Append(text[copied..i]);
                copied = i + length;
                output.AppendFor(i, copied, " "u8);
                output.Alignment?.Copy(output.Length, i);
                output.Append(text.Slice(i, length));
                output.AppendFor(i, copied, " "u8);
            }

            i += length;
        }

        if (changed)
        {
            output.Append(text[copied..]);
        }

        return changed;
    }
}

/// <summary>Writes every byte as a character of the printable alphabet.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output, TextBudget budget)
    {
        if (text.IsEmpty)
        {
            return false;
        }

        ByteAlphabet.AppendChars(text, 0, output);
        return true;
    }
}

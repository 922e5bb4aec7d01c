using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;
using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.Normalizers;

/// <summary>The normalizers NFC, NFD, NFKC and NFKD. Their tables are made when the first text comes that is not ASCII.</summary>
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

/// <summary>Drops some characters and turns some into blanks (StripAccents, Nmt, the cleaning step of BertNormalizer).</summary>
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

/// <summary>The handle_chinese_chars step of BertNormalizer: a blank before and behind each CJK ideograph.</summary>
internal sealed class CjkSpacingNormalizer : Normalizer
{
    /// <summary>The blocks the reference names; 2B820 to 2B91F are missing there.</summary>
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

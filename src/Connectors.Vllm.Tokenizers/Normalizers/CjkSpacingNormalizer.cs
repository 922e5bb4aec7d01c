namespace Connectors.Vllm.Tokenizers;

/// <summary>The handle_chinese_chars step of BertNormalizer: a blank before and behind each CJK ideograph.</summary>
internal sealed class CjkSpacingNormalizer : Normalizer
{
    /// <summary>The blocks the reference names; 2B820 to 2B91F are missing there.</summary>
    private static readonly CodePointSet Ideographs = CodePointSet.FromRanges(
    [
        (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F),
    ]);

    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
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
                output.Append((byte)' ');
                output.Append(text.Slice(i, length));
                output.Append((byte)' ');
                copied = i + length;
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

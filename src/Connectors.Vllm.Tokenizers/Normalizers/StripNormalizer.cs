namespace Connectors.Vllm.Tokenizers;

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

namespace Connectors.Vllm.Tokenizers;

/// <summary>Lower-cases each character by itself (no rule for a final sigma).</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
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
                foreach (var target in mapped)
                {
                    output.AppendCodePoint(target);
                }
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

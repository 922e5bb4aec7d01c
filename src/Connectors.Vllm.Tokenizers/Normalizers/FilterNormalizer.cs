namespace Connectors.Vllm.Tokenizers;

/// <summary>Drops some characters and turns some into blanks (StripAccents, Nmt, the cleaning step of BertNormalizer).</summary>
internal sealed class FilterNormalizer(CodePointSet dropped, CodePointSet blanks) : Normalizer
{
    private readonly CodePointSet _touched = dropped.Union(blanks);

    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
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
                if (!dropped.Contains(codePoint))
                {
                    output.Append((byte)' ');
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

    public override bool StripsStart(ReadOnlySpan<byte> text) => !text.IsEmpty && dropped.Contains(CodePoints.Read(text, 0, out _));
}

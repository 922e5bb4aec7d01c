namespace Connectors.Vllm.Tokenizers;

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

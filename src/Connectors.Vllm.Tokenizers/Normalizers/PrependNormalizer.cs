namespace Connectors.Vllm.Tokenizers;

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

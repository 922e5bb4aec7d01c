namespace Connectors.Vllm.Tokenizers;

/// <summary>Writes every byte as a character of the printable alphabet.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        if (text.IsEmpty)
        {
            return false;
        }

        ByteAlphabet.AppendChars(text, output);
        return true;
    }
}

namespace Connectors.Vllm.Tokenizers;

/// <summary>The normalizers NFC, NFD, NFKC and NFKD.</summary>
internal sealed class UnicodeFormNormalizer(UnicodeNormalization form) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output) => form.TryNormalize(text, output);
}

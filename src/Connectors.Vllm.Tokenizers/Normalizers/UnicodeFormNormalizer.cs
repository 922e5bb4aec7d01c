using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>The normalizers NFC, NFD, NFKC and NFKD. Their tables are made when the first text comes that is not ASCII.</summary>
internal sealed class UnicodeFormNormalizer(Func<UnicodeNormalization> form) : Normalizer
{
    public override bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output) => !Ascii.IsValid(text) && form().TryNormalize(text, output);
}

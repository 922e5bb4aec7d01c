using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// ByteLevel inside a chain: tokens wholly of the printable alphabet become its bytes, others their own UTF-8; then one conversion of
/// everything, with U+FFFD for what is no UTF-8.
/// </summary>
internal sealed class ByteLevelDecoder : Decoder
{
    public override void Decode(List<string> tokens)
    {
        var output = new Utf8Buffer();
        foreach (var token in tokens)
        {
            var utf8 = Encoding.UTF8.GetBytes(token);
            var bytes = new byte[utf8.Length];
            output.Append(ByteAlphabet.TryToBytes(utf8, bytes, out var written) ? bytes.AsSpan(0, written) : utf8);
        }

        tokens.Clear();
        tokens.Add(Encoding.UTF8.GetString(output.Written));
    }
}

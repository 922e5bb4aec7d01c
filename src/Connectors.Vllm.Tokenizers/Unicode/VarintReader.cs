using System.Buffers.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>Reads the variable-length integers of a table of <see cref="UnicodeData"/> (seven bits per byte, lowest first).</summary>
internal ref struct VarintReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>The bytes behind a base64 literal; line breaks and indentation are skipped.</summary>
    public static byte[] Decode(ReadOnlySpan<byte> base64)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(base64.Length)];
        Base64.DecodeFromUtf8(base64, bytes, out _, out var written);
        return bytes[..written];
    }

    public int Next()
    {
        var value = 0;
        for (int i = 0, shift = 0; ; i++, shift += 7)
        {
            value |= (_rest[i] & 0x7F) << shift;
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return value;
            }
        }
    }

    /// <summary>A signed number: even values are positive, odd ones negative.</summary>
    public int NextSigned()
    {
        var value = Next();
        return (value & 1) == 0 ? value >> 1 : -(value >> 1) - 1;
    }
}

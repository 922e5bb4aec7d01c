using System.Text;

namespace Connectors.Vllm.Tokenizers.Buffers;

/// <summary>
/// The printable alphabet of byte-level BPE (GPT-2's <c>bytes_to_unicode</c>): printable Latin-1 represents itself, every other byte is represented
/// by a code point from U+0100 on.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly short[] Bytes = CreateBytes();
    private static readonly char[] Chars = CreateChars();

    /// <summary>Gets the character that represents a byte.</summary>
    public static char ToChar(byte value) => Chars[value];

    /// <summary>Gets the byte that a character represents, or -1 if it is not in the alphabet.</summary>
    public static int ToByte(int codePoint) => (uint)codePoint < (uint)Bytes.Length ? Bytes[codePoint] : -1;

    /// <summary>
    /// Converts a token in the alphabet (UTF-8) to the bytes that it represents. Returns false, with <paramref name="written"/> 0, if a character is
    /// not in the alphabet. <paramref name="destination"/> must have at least the token's length.
    /// </summary>
    public static bool TryToBytes(ReadOnlySpan<byte> token, Span<byte> destination, out int written)
    {
        written = 0;
        for (var i = 0; i < token.Length;)
        {
            // The alphabet ends at U+0143, so a character has one or two bytes in UTF-8.
            int codePoint = token[i];
            if (codePoint >= 0x80)
            {
                if ((codePoint & 0xE0) != 0xC0 || i + 1 >= token.Length)
                {
                    written = 0;
                    return false;
                }

                codePoint = (codePoint & 0x1F) << 6 | (token[i + 1] & 0x3F);
                i++;
            }

            i++;
            var value = ToByte(codePoint);
            if (value < 0)
            {
                written = 0;
                return false;
            }

            destination[written++] = (byte)value;
        }

        return true;
    }

    /// <summary>Appends the representation of bytes in the alphabet as UTF-8.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="source">The position of the bytes in the source, for an aligned output.</param>
    /// <param name="output">The buffer to append to.</param>
    public static void AppendChars(ReadOnlySpan<byte> bytes, int source, Utf8Buffer output)
    {
        if (output.Alignment is not null)
        {
            Span<byte> character = stackalloc byte[2];
            for (var i = 0; i < bytes.Length; i++)
            {
                output.AppendFor(source + i, source + i + 1, character[..new Rune(ToChar(bytes[i])).EncodeToUtf8(character)]);
            }

            return;
        }

        var span = output.GetSpan(bytes.Length * 2);
        var length = 0;
        foreach (var value in bytes)
        {
            length += new Rune(ToChar(value)).EncodeToUtf8(span[length..]);
        }

        output.Advance(length);
    }

    private static char[] CreateChars()
    {
        var chars = new char[256];
        var next = 0x100;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            chars[value] = (char)(printable ? value : next++);
        }

        return chars;
    }

    private static short[] CreateBytes()
    {
        var chars = CreateChars();
        var bytes = new short[chars.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < 256; value++)
        {
            bytes[chars[value]] = (short)value;
        }

        return bytes;
    }
}

using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>Walks UTF-8 by code points.</summary>
internal static class CodePoints
{
    /// <summary>One more than the largest code point.</summary>
    public const int Count = 0x110000;

    /// <summary>Length of the character that begins with this byte of valid UTF-8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Length(byte first) => first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

    /// <summary>
    /// The code point at <paramref name="index"/> of valid UTF-8, and its length in bytes (1 to 4). Bytes that are not valid UTF-8
    /// give some code point below 0x200000 and never a read outside of <paramref name="text"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Read(ReadOnlySpan<byte> text, int index, out int length)
    {
        int first = text[index];
        if (first < 0x80)
        {
            length = 1;
            return first;
        }

        return ReadLong(text, index, first, out length);
    }

    /// <summary>The code point that ends before <paramref name="index"/> (which is above 0), and its length.</summary>
    public static int ReadBefore(ReadOnlySpan<byte> text, int index, out int length)
    {
        var start = index - 1;
        while (start > 0 && (text[start] & 0xC0) == 0x80 && index - start < 4)
        {
            start--;
        }

        length = index - start;
        return Read(text, start, out _);
    }

    private static int ReadLong(ReadOnlySpan<byte> text, int index, int first, out int length)
    {
        if (first < 0xE0)
        {
            if (first >= 0xC0 && index + 1 < text.Length)
            {
                length = 2;
                return (first & 0x1F) << 6 | text[index + 1] & 0x3F;
            }
        }
        else if (first < 0xF0)
        {
            if (index + 2 < text.Length)
            {
                length = 3;
                return (first & 0xF) << 12 | (text[index + 1] & 0x3F) << 6 | text[index + 2] & 0x3F;
            }
        }
        else if (index + 3 < text.Length)
        {
            length = 4;
            return (first & 7) << 18 | (text[index + 1] & 0x3F) << 12 | (text[index + 2] & 0x3F) << 6 | text[index + 3] & 0x3F;
        }

        length = 1;
        return 0xFFFD;
    }
}

namespace Connectors.Vllm.Tokenizers;

/// <summary>Finds the beginning of a character at the end of some bytes.</summary>
internal static class Utf8Tail
{
    /// <summary>How many bytes at the end (0 to 3) are the beginning of a character that may still become whole.</summary>
    public static int IncompleteLength(ReadOnlySpan<byte> bytes)
    {
        for (var length = 1; length <= 3 && length <= bytes.Length; length++)
        {
            var first = bytes[^length];
            if ((first & 0xC0) == 0x80)
            {
                continue;
            }

            var needed = first switch
            {
                >= 0xC2 and <= 0xDF => 2,
                >= 0xE0 and <= 0xEF => 3,
                >= 0xF0 and <= 0xF4 => 4,
                _ => 0,
            };
            return needed > length && (length == 1 || IsSecond(first, bytes[^(length - 1)])) ? length : 0;
        }

        return 0;
    }

    /// <summary>The second byte decides whether a sequence is overlong, a surrogate, or beyond U+10FFFF.</summary>
    private static bool IsSecond(byte first, byte second) => first switch
    {
        0xE0 => second >= 0xA0,
        0xED => second <= 0x9F,
        0xF0 => second >= 0x90,
        0xF4 => second <= 0x8F,
        _ => true,
    };
}

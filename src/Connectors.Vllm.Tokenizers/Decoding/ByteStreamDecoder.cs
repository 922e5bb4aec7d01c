using System.Text;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>Streaming decode for byte-level tokenizers: at most three bytes of an unfinished character wait.</summary>
internal sealed class ByteStreamDecoder : TokenStreamDecoder
{
    private readonly DecodeTable _table;
    private readonly bool _skipSpecial;
    private readonly byte[] _bytes;
    private int _pending;

    public ByteStreamDecoder(DecodeTable table, bool skipSpecial, ReadOnlySpan<int> promptIds)
    {
        _table = table;
        _skipSpecial = skipSpecial;
        _bytes = new byte[table.Longest + 4];

        // A prompt can end inside a character only if its ids were cut; four tokens hold all bytes of one.
        foreach (var id in promptIds[Math.Max(0, promptIds.Length - 4)..])
        {
            _ = Push(id);
        }

        TextLength = 0;
    }

    internal override bool IsInsideCharacter => _pending > 0;

    public override string Push(int id)
    {
        if (!_table.Shows(id, _skipSpecial))
        {
            return string.Empty;
        }

        if (_pending == 0 && _table.IsWholeText(id))
        {
            var whole = _table.Text(id);
            TextLength += whole.Length;
            return whole;
        }

        var bytes = _table.Bytes(id);
        bytes.CopyTo(_bytes.AsSpan(_pending));
        var length = _pending + bytes.Length;
        _pending = Utf8Tail.IncompleteLength(_bytes.AsSpan(0, length));
        var done = length - _pending;
        if (done == 0)
        {
            return string.Empty;
        }

        var text = Encoding.UTF8.GetString(_bytes, 0, done);
        _bytes.AsSpan(done, _pending).CopyTo(_bytes);
        TextLength += text.Length;
        return text;
    }

    public override string Flush()
    {
        if (_pending == 0)
        {
            return string.Empty;
        }

        _pending = 0;
        TextLength++;
        return "\uFFFD";
    }
}

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

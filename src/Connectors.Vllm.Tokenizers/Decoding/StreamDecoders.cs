using System.Runtime.InteropServices;
using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>A streaming decoder for byte-level tokenizers, which holds back at most three bytes of an incomplete character.</summary>
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

        // A prompt can end inside a character only if its ids were truncated; four tokens contain all bytes of one.
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

/// <summary>Finds an incomplete character at the end of a byte sequence.</summary>
internal static class Utf8Tail
{
    /// <summary>Gets the number of trailing bytes (0 to 3) that are the beginning of a character that may still be completed.</summary>
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

    /// <summary>Whether a second byte is valid; it determines whether a sequence is overlong, a surrogate, or above U+10FFFF.</summary>
    private static bool IsSecond(byte first, byte second) => first switch
    {
        0xE0 => second >= 0xA0,
        0xED => second <= 0x9F,
        0xF0 => second >= 0x90,
        0xF4 => second <= 0x8F,
        _ => true,
    };
}

/// <summary>
/// A streaming decoder for SentencePiece-style tokenizers. Characters of a byte run are returned when they are complete; once a run is known to be
/// invalid, each of its held and further bytes becomes one U+FFFD.
/// </summary>
internal sealed class FallbackStreamDecoder : TokenStreamDecoder
{
    private readonly DecodeTable _table;
    private readonly bool _skipSpecial;
    private readonly byte[] _held = new byte[4];
    private int _heldCount;
    private bool _invalidRun;
    private bool _stripNext;

    public FallbackStreamDecoder(DecodeTable table, bool stripFirstBlank, bool skipSpecial, ReadOnlySpan<int> promptIds)
    {
        _table = table;
        _skipSpecial = skipSpecial;
        _stripNext = stripFirstBlank;
        foreach (var id in promptIds[Math.Max(0, promptIds.Length - 7)..])
        {
            _ = Push(id);
        }

        // A longer prompt contains text, even if its last tokens have none.
        _stripNext &= promptIds.Length <= 7 || !HasText(promptIds);
        TextLength = 0;
    }

    internal override bool IsInsideCharacter => _heldCount > 0;

    public override string Push(int id)
    {
        if (!_table.Shows(id, _skipSpecial))
        {
            return string.Empty;
        }

        var text = _table.IsFallbackByte(id) ? PushByte(_table.Bytes(id)[0]) : PushText(id);
        if (_stripNext && text.Length > 0)
        {
            _stripNext = false;
            text = text[0] == ' ' ? text[1..] : text;
        }

        TextLength += text.Length;
        return text;
    }

    public override string Flush()
    {
        var text = Replacements(_heldCount);
        _heldCount = 0;
        _invalidRun = false;
        TextLength += text.Length;
        return text;
    }

    private bool HasText(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            if (_table.Shows(id, _skipSpecial) && !_table.Bytes(id).IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    private string PushText(int id)
    {
        var held = _heldCount;
        _heldCount = 0;
        _invalidRun = false;
        return held == 0 ? _table.Text(id) : Replacements(held) + _table.Text(id);
    }

    private string PushByte(byte value)
    {
        if (_invalidRun)
        {
            return "\uFFFD";
        }

        _held[_heldCount++] = value;
        var bytes = _held.AsSpan(0, _heldCount);
        if (Utf8Tail.IncompleteLength(bytes) == _heldCount)
        {
            return string.Empty;
        }

        var count = _heldCount;
        _heldCount = 0;
        if (Rune.DecodeFromUtf8(bytes, out var rune, out var length) == System.Buffers.OperationStatus.Done && length == count)
        {
            return rune.ToString();
        }

        _invalidRun = true;
        return Replacements(count);
    }

    private static string Replacements(int count) => count switch
    {
        0 => string.Empty,
        1 => "\uFFFD",
        _ => new string('\uFFFD', count),
    };
}

/// <summary>
/// A streaming decoder for any other decoder chain: decodes a short window of ids with and without the new one and returns the difference, and holds
/// back text that ends in U+FFFD because the next token may complete it.
/// </summary>
internal sealed class ChainStreamDecoder : TokenStreamDecoder
{
    /// <summary>
    /// The maximum length of a window; a window without a complete character is then dropped, so that the cost per token stays bounded.
    /// </summary>
    private const int LongestWindow = 64;

    /// <summary>The number of bytes that each token adds to the budget of the stream.</summary>
    private const int WorthOfToken = 64;

    private readonly TextDecoder _decoder;
    private readonly bool _skipSpecial;
    private readonly List<int> _window = [];
    private readonly TextBudget _budget = new();
    private string _prefix = string.Empty;
    private int _prefixIds;
    private bool _isHeld;

    public ChainStreamDecoder(TextDecoder decoder, bool skipSpecial, ReadOnlySpan<int> promptIds)
    {
        _decoder = decoder;
        _skipSpecial = skipSpecial;
        _window.AddRange(promptIds[Math.Max(0, promptIds.Length - 6)..]);
        _prefix = Decode();
        _prefixIds = _window.Count;
    }

    internal override bool IsInsideCharacter => _isHeld;

    public override string Push(int id)
    {
        if (!_decoder.Shows(id, _skipSpecial))
        {
            return string.Empty;
        }

        _window.Add(id);
        _budget.Allow(WorthOfToken);
        var text = Decode();
        if (text.Length <= _prefix.Length || (text.EndsWith('\uFFFD') && _window.Count < LongestWindow))
        {
            _isHeld = text.Length > _prefix.Length;
            return string.Empty;
        }

        _isHeld = false;
        return Give(text);
    }

    public override string Flush()
    {
        var text = Decode();
        var rest = text.Length > _prefix.Length ? text[_prefix.Length..] : string.Empty;
        TextLength += rest.Length;
        _isHeld = false;
        _window.Clear();
        _prefix = string.Empty;
        _prefixIds = 0;
        return rest;
    }

    private string Give(string text)
    {
        // Chains may rewrite earlier text; decoding then continues after the text that was already returned.
        var from = _prefix.Length;
        if (from > 0 && char.IsLowSurrogate(text[from]))
        {
            from--;
        }

        var result = text[from..];
        _window.RemoveRange(0, _prefixIds);
        _prefix = Decode();
        _prefixIds = _window.Count;
        TextLength += result.Length;
        return result;
    }

    private string Decode() => _decoder.Decode(CollectionsMarshal.AsSpan(_window), _skipSpecial, _budget);
}

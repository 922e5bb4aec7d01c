using System.Text;

namespace Connectors.Vllm.Tokenizers.Decoding;

/// <summary>
/// Streaming decode for SentencePiece-style tokenizers. Characters of a byte run come out as they become whole; once a run has shown
/// itself invalid, each of its held and further bytes is one U+FFFD.
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

        // A longer prompt has text somewhere, even if its last tokens show none.
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

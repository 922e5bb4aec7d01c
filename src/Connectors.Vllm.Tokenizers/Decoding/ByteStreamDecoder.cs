using System.Text;

namespace Connectors.Vllm.Tokenizers;

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

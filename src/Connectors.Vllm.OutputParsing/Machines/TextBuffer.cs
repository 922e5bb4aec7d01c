namespace Connectors.Vllm.OutputParsing.Machines;

/// <summary>The characters of the output that no event has used up yet. Appending and consuming cost amortised constant time per character.</summary>
internal sealed class TextBuffer
{
    private char[] _characters = new char[256];
    private int _head;
    private int _tail;

    /// <summary>Position of the first kept character, from the output's start.</summary>
    public long Position { get; private set; }

    public int Length => _tail - _head;

    public ReadOnlySpan<char> Span => _characters.AsSpan(_head, _tail - _head);

    public void Append(ReadOnlySpan<char> text)
    {
        if (_tail + text.Length > _characters.Length)
        {
            MakeRoom(text.Length);
        }

        text.CopyTo(_characters.AsSpan(_tail));
        _tail += text.Length;
    }

    public void Consume(int count)
    {
        _head += count;
        Position += count;
        if (_head == _tail)
        {
            _head = _tail = 0;
        }
    }

    /// <summary>Counts characters that never entered the buffer.</summary>
    public void Skip(int count) => Position += count;

    private void MakeRoom(int count)
    {
        var length = Length;
        if (_head >= length && length + count <= _characters.Length)
        {
            Span.CopyTo(_characters);
        }
        else
        {
            var larger = new char[Math.Max(_characters.Length * 2, length + count)];
            Span.CopyTo(larger);
            _characters = larger;
        }

        _head = 0;
        _tail = length;
    }
}

/// <summary>
/// Where in the output marker tokens and special tokens stand, by position from the output's start; kept only for characters still needed.
/// </summary>
internal sealed class TokenMarks
{
    private readonly List<(long Position, int Length)> _marks = [];

    public void Add(long position, int length) => _marks.Add((position, length));

    /// <summary>Whether a marked token of this length begins at the position.</summary>
    public bool Contains(long position, int length) => _marks.Count > 0 && _marks.BinarySearch((position, length)) >= 0;

    /// <summary>The first mark at or after a position; -1 when there is none.</summary>
    public long Next(long position, out int length)
    {
        var at = IndexOf(position);
        (var found, length) = at < _marks.Count ? _marks[at] : (-1, 0);
        return found;
    }

    /// <summary>Forgets all before a position, many at a time.</summary>
    public void ForgetBefore(long position)
    {
        if (_marks.Count > 0 && IndexOf(position) is var past && (past > 64 || past == _marks.Count))
        {
            _marks.RemoveRange(0, past);
        }
    }

    private int IndexOf(long position)
    {
        var at = _marks.BinarySearch((position, 0));
        return at < 0 ? ~at : at;
    }
}

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
    private int _first;

    public void Add(long position, int length) => _marks.Add((position, length));

    /// <summary>True when a marked token of this length begins here.</summary>
    public bool Contains(long position, int length)
    {
        int low = _first, high = _marks.Count - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            if (_marks[middle].Position == position)
            {
                return _marks[middle].Length == length;
            }

            if (_marks[middle].Position < position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return false;
    }

    /// <summary>The first mark at or behind a position; -1 when there is none.</summary>
    public long Next(long position, out int length)
    {
        for (var i = _first; i < _marks.Count; i++)
        {
            if (_marks[i].Position >= position)
            {
                length = _marks[i].Length;
                return _marks[i].Position;
            }
        }

        length = 0;
        return -1;
    }

    /// <summary>Forgets all before a position.</summary>
    public void ForgetBefore(long position)
    {
        while (_first < _marks.Count && _marks[_first].Position < position)
        {
            _first++;
        }

        if (_first > 64 || _first == _marks.Count)
        {
            _marks.RemoveRange(0, _first);
            _first = 0;
        }
    }
}

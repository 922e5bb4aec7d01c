namespace Connectors.Vllm.OutputParsing;

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

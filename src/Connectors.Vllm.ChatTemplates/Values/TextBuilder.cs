using System.Buffers;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>
/// The output of a render: one pooled buffer and the ranges that came from message content. Intermediate strings (macro results, joins, JSON) are
/// written after the output and removed again, so that they need no buffer of their own.
/// </summary>
internal sealed class TextBuilder(int maxLength) : IDisposable
{
    private char[] _buffer = ArrayPool<char>.Shared.Rent(4096);
    private Mark[] _marks = [];
    private int _markCount;

    public int Length { get; private set; }

    /// <summary>The number of code units written since the start of the render, including removed ones.</summary>
    public long Written { get; private set; }

    public void Dispose()
    {
        ArrayPool<char>.Shared.Return(_buffer);
        _buffer = [];
    }

    public void Append(char unit)
    {
        Reserve(1)[0] = unit;
        Length++;
        Written++;
    }

    public void Append(char unit, int count)
    {
        Reserve(count)[..count].Fill(unit);
        Length += count;
        Written += count;
    }

    public void Append(ReadOnlySpan<char> text)
    {
        text.CopyTo(Reserve(text.Length));
        Length += text.Length;
        Written += text.Length;
    }

    public void Append(ReadOnlySpan<char> text, bool marked)
    {
        var start = Length;
        Append(text);
        if (marked)
        {
            MarkFrom(start);
        }
    }

    public void Append(Str text) => Append(text, 0, text.Length);

    /// <summary>Appends the slice [start, start + length) of a text with its marks.</summary>
    public void Append(Str text, int start, int length)
    {
        var at = Length;
        Append(text.Text.AsSpan(start, length));
        var marks = text.Marks;
        if (marks is null || length == 0)
        {
            return;
        }

        if (Marks.IsAll(marks))
        {
            AddMark(at, Length);
            return;
        }

        for (var i = Marks.FirstBehind(marks, start); i < marks.Length && marks[i].Start < start + length; i++)
        {
            AddMark(at + Math.Max(marks[i].Start, start) - start, at + Math.Min(marks[i].End, start + length) - start);
        }
    }

    /// <summary>Marks everything from <paramref name="start"/> to the end as message content.</summary>
    public void MarkFrom(int start)
    {
        while (_markCount > 0 && _marks[_markCount - 1].Start >= start)
        {
            _markCount--;
        }

        AddMark(start, Length);
    }

    /// <summary>Removes the text written from <paramref name="start"/> on and returns it.</summary>
    public Str Cut(int start, bool isMarkup = false)
    {
        var text = Length == start ? "" : new string(_buffer, start, Length - start);
        var marks = MarksFrom(start, out var first);
        DropMarks(first, start);
        Length = start;
        return new Str(text, marks, isMarkup);
    }

    /// <summary>Removes everything from <paramref name="length"/> on.</summary>
    public void Truncate(int length)
    {
        MarksFrom(length, out var first);
        DropMarks(first, length);
        Length = length;
    }

    public ReadOnlySpan<char> Text => _buffer.AsSpan(0, Length);

    public RenderedPrompt ToPrompt()
    {
        var ranges = _markCount == 0 ? [] : new Range[_markCount];
        for (var i = 0; i < ranges.Length; i++)
        {
            ranges[i] = new Range(_marks[i].Start, _marks[i].End);
        }

        return new RenderedPrompt(new string(_buffer, 0, Length), ranges);
    }

    private Mark[]? MarksFrom(int start, out int first)
    {
        first = _markCount;
        while (first > 0 && _marks[first - 1].End > start)
        {
            first--;
        }

        if (first == _markCount)
        {
            return null;
        }

        if (_marks[first].Start <= start && _marks[first].End == Length)
        {
            return Marks.All;
        }

        var marks = new Mark[_markCount - first];
        for (var i = 0; i < marks.Length; i++)
        {
            marks[i] = new Mark(Math.Max(_marks[first + i].Start, start) - start, _marks[first + i].End - start);
        }

        return marks;
    }

    private void DropMarks(int first, int start)
    {
        if (first == _markCount)
        {
            return;
        }

        _markCount = first;
        if (_marks[first].Start < start)
        {
            _marks[first] = new Mark(_marks[first].Start, start);
            _markCount++;
        }
    }

    private void AddMark(int start, int end)
    {
        if (start == end)
        {
            return;
        }

        if (_markCount > 0 && _marks[_markCount - 1].End == start)
        {
            _marks[_markCount - 1] = new Mark(_marks[_markCount - 1].Start, end);
            return;
        }

        if (_markCount == _marks.Length)
        {
            Array.Resize(ref _marks, Math.Max(16, _markCount * 2));
        }

        _marks[_markCount++] = new Mark(start, end);
    }

    private Span<char> Reserve(int count)
    {
        if (count > _buffer.Length - Length)
        {
            Grow(count);
        }

        return _buffer.AsSpan(Length);
    }

    private void Grow(int count)
    {
        var needed = (long)Length + count;
        if (needed > maxLength)
        {
            throw new PyException($"the text exceeds the limit of {maxLength} UTF-16 code units");
        }

        var larger = ArrayPool<char>.Shared.Rent((int)Math.Min(Math.Max(needed, _buffer.Length * 2L), Math.Max(needed, maxLength)));
        _buffer.AsSpan(0, Length).CopyTo(larger);
        ArrayPool<char>.Shared.Return(_buffer);
        _buffer = larger;
    }
}

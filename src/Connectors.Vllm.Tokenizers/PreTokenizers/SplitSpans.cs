namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// A piece cut into matches and the gaps between them, without holes, and how the five behaviours make pieces of it. Reused on one
/// thread; rent it with <see cref="Rent"/>.
/// </summary>
internal sealed class SplitSpans
{
    private const int Kept = 1 << 16;

    [ThreadStatic]
    private static SplitSpans? s_cached;

    private int[] _ends = new int[256];
    private bool[] _isMatch = new bool[256];
    private int _count;

    private SplitSpans()
    {
    }

    private int End => _count == 0 ? 0 : _ends[_count - 1];

    public static SplitSpans Rent()
    {
        var spans = s_cached ?? new SplitSpans();
        s_cached = null;
        spans._count = 0;
        return spans;
    }

    public void Return() => s_cached = _ends.Length > Kept ? null : this;

    /// <summary>Adds a match (which may be empty), and the gap before it.</summary>
    public void AddMatch(int start, int end)
    {
        if (start > End)
        {
            Add(start, isMatch: false);
        }

        Add(end, isMatch: true);
    }

    /// <summary>Ends the cutting of a text of this length, and hands the pieces on.</summary>
    public void Finish(ReadOnlySpan<byte> text, SplitBehavior behavior, bool invert, bool atTextStart, PieceList output)
    {
        if (End < text.Length)
        {
            Add(text.Length, isMatch: false);
        }

        if (invert)
        {
            for (var i = 0; i < _count; i++)
            {
                _isMatch[i] = !_isMatch[i];
            }
        }

        var before = output.Count;
        var start = 0;
        for (var i = 0; i < _count;)
        {
            var last = LastOfPiece(i, behavior);
            if (behavior != SplitBehavior.Removed || !_isMatch[i])
            {
                if (output.Count == before && _ends[last] > start)
                {
                    output.AtTextStart = before == 0 ? atTextStart && start == 0 : output.AtTextStart;
                }

                output.Add(text[start.._ends[last]]);
            }

            start = _ends[last];
            i = last + 1;
        }
    }

    /// <summary>Which span ends the piece that begins with span <paramref name="first"/>.</summary>
    private int LastOfPiece(int first, SplitBehavior behavior)
    {
        var last = first;
        switch (behavior)
        {
            case SplitBehavior.Contiguous:
                while (last + 1 < _count && _isMatch[last + 1] == _isMatch[first])
                {
                    last++;
                }

                break;
            case SplitBehavior.MergedWithPrevious:
                last += !_isMatch[first] && first + 1 < _count && _isMatch[first + 1] ? 1 : 0;
                break;
            case SplitBehavior.MergedWithNext:
                last += _isMatch[first] && first + 1 < _count && !_isMatch[first + 1] ? 1 : 0;
                break;
        }

        return last;
    }

    private void Add(int end, bool isMatch)
    {
        if (_count == _ends.Length)
        {
            Array.Resize(ref _ends, _count * 2);
            Array.Resize(ref _isMatch, _count * 2);
        }

        _ends[_count] = end;
        _isMatch[_count++] = isMatch;
    }
}

namespace Connectors.Vllm.Tokenizers.Buffers;

/// <summary>
/// Maps the bytes of a rewritten text to their source: runs that were copied byte by byte, and runs that replace a part of the source as a whole.
/// Written in the order of the output. Reused between calls; not thread-safe.
/// </summary>
internal sealed class Alignment
{
    private Run[] _runs = new Run[32];
    private int _count;
    private int _at;

    /// <summary>Clears the runs; without runs, the output is the source.</summary>
    public void Clear() => _count = _at = 0;

    /// <summary>From this position on, the output is a copy of the source.</summary>
    public void Copy(int output, int source) => Add(new Run(output, source, -1));

    /// <summary>From this position until the next run, the output replaces a part of the source.</summary>
    public void Replace(int output, int sourceStart, int sourceEnd) => Add(new Run(output, sourceStart, sourceEnd));

    /// <summary>
    /// Gets the source of the output from <paramref name="start"/> to <paramref name="end"/>. Fast for ascending starts; otherwise a search.
    /// </summary>
    public (int Start, int End) Source(int start, int end)
    {
        var first = Find(start);
        var last = end - 1 > start ? Find(end - 1) : first;
        _at = Math.Max(first, 0);
        var from = first < 0 ? start : _runs[first].SourceEnd >= 0 ? _runs[first].Source : _runs[first].Source + start - _runs[first].Output;
        var to = last < 0 ? end : _runs[last].SourceEnd >= 0 ? _runs[last].SourceEnd : _runs[last].Source + end - _runs[last].Output;
        return (from, Math.Max(from, to));
    }

    /// <summary>Composes this alignment with that of its source: maps the output of this one to the source of <paramref name="inner"/>.</summary>
    /// <param name="inner">The alignment of this one's source.</param>
    /// <param name="length">The length of this one's output.</param>
    public Alignment Over(Alignment inner, int length)
    {
        var result = new Alignment();
        if (_count == 0 || _runs[0].Output > 0)
        {
            result.AppendPart(inner, 0, 0, _count == 0 ? length : _runs[0].Output);
        }

        for (var i = 0; i < _count; i++)
        {
            var run = _runs[i];
            if (run.SourceEnd >= 0)
            {
                var (start, end) = inner.Source(run.Source, run.SourceEnd);
                result.Replace(run.Output, start, end);
            }
            else
            {
                result.AppendPart(inner, run.Output, run.Source, (i + 1 < _count ? _runs[i + 1].Output : length) - run.Output);
            }
        }

        return result;
    }

    /// <summary>Appends the runs of another alignment, whose output and source begin at these positions of this one's.</summary>
    public void Append(Alignment other, int output, int source = 0)
    {
        if (other._count == 0 || other._runs[0].Output > 0)
        {
            Copy(output, source);
        }

        for (var i = 0; i < other._count; i++)
        {
            var run = other._runs[i];
            Add(new Run(run.Output + output, run.Source + source, run.SourceEnd < 0 ? -1 : run.SourceEnd + source));
        }
    }

    /// <summary>Adds the runs for a copied part, given its position in this output and in the inner one's, and its length.</summary>
    private void AppendPart(Alignment inner, int output, int place, int length)
    {
        var at = inner.Find(place);
        inner._at = Math.Max(at, 0);
        if (at < 0)
        {
            Copy(output, place);
            at = 0;
        }

        for (; at < inner._count && inner._runs[at].Output < place + length; at++)
        {
            var run = inner._runs[at];
            var from = Math.Max(run.Output, place);
            Add(run with { Output = output + from - place, Source = run.SourceEnd >= 0 ? run.Source : run.Source + from - run.Output });
        }
    }

    /// <summary>Finds the last run that begins at or before a position of the output; -1 if there is none. Fast near the last result.</summary>
    private int Find(int output)
    {
        for (var near = _at; near < Math.Min(_at + 2, _count); near++)
        {
            if (_runs[near].Output <= output && (near + 1 == _count || _runs[near + 1].Output > output))
            {
                return near;
            }
        }

        int low = 0, high = _count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_runs[middle].Output <= output)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low - 1;
    }

    private void Add(Run run)
    {
        // Runs without output, or whose output was removed, are replaced by the next one.
        while (_count > 0 && _runs[_count - 1].Output >= run.Output)
        {
            _count--;
        }

        if (_count == _runs.Length)
        {
            Array.Resize(ref _runs, _count * 2);
        }

        _runs[_count++] = run;
    }

    private readonly record struct Run(int Output, int Source, int SourceEnd);
}

namespace Connectors.Vllm.Tokenizers.Buffers;

/// <summary>
/// Where the bytes of a rewritten text come from: runs that were copied byte by byte, and runs that stand as a whole for a part of the
/// source. Written in the order of the output. Reused between calls, not thread-safe.
/// </summary>
internal sealed class Alignment
{
    private Run[] _runs = new Run[32];
    private int _count;
    private int _at;

    /// <summary>Forgets everything; without runs the output is the source.</summary>
    public void Clear() => _count = _at = 0;

    /// <summary>From here on the output repeats the source.</summary>
    public void Copy(int output, int source) => Add(new Run(output, source, -1));

    /// <summary>From here on the output stands for a part of the source, until the next run.</summary>
    public void Replace(int output, int sourceStart, int sourceEnd) => Add(new Run(output, sourceStart, sourceEnd));

    /// <summary>
    /// The source of the output from <paramref name="start"/> to <paramref name="end"/>. Asked for with rising starts it costs little, else a search.
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

    /// <summary>This alignment, made upon a text that <paramref name="inner"/> made: the output of this one to the source of that one.</summary>
    /// <param name="inner">The alignment of this one's source.</param>
    /// <param name="length">Length of this one's output.</param>
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

    /// <summary>Takes over the runs of another alignment, whose output and source begin at these places of this one's.</summary>
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

    /// <summary>Adds the runs for a copied part: its place in this output and in the inner one's, and its length.</summary>
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

    /// <summary>The last run that begins at a place of the output or before it; -1 when none does. Near the last one found it costs little.</summary>
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
        // Runs without output, or whose output was taken back, give way to the one after them.
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

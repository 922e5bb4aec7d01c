using System.Buffers;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>
/// The code points of one run during normalization, each with its combining class in the upper bits. On the stack for ordinary runs;
/// a run of a million combining marks is still handled in linear time.
/// </summary>
internal ref struct NormalizationBuffer(Span<int> initial) : IDisposable
{
    private const int ClassShift = 21;
    private const int CodePointMask = (1 << ClassShift) - 1;
    private const int LongRun = 24;

    private Span<int> _items = initial;
    private int[]? _rented;
    private int _count;

    public void Clear() => _count = 0;

    public void AddDecomposed(int codePoint, CodePointMapping decompositions)
    {
        var syllable = codePoint - NormalizationData.HangulFirst;
        if ((uint)syllable < NormalizationData.HangulCount)
        {
            const int Block = NormalizationData.VowelCount * NormalizationData.TailCount;
            Add(NormalizationData.LeadFirst + (syllable / Block));
            Add(NormalizationData.VowelFirst + (syllable % Block / NormalizationData.TailCount));
            if (syllable % NormalizationData.TailCount is var tail and > 0)
            {
                Add(NormalizationData.TailFirst + tail);
            }

            return;
        }

        var parts = decompositions[codePoint];
        if (parts.IsEmpty)
        {
            Add(codePoint);
        }

        foreach (var part in parts)
        {
            Add(part);
        }
    }

    /// <summary>Canonical ordering: each run of combining marks is sorted by class, marks of one class keep their order.</summary>
    public void Order()
    {
        for (var i = 0; i < _count;)
        {
            if (_items[i] >> ClassShift == 0)
            {
                i++;
                continue;
            }

            var start = i;
            while (i < _count && _items[i] >> ClassShift != 0)
            {
                i++;
            }

            SortByClass(_items[start..i]);
        }
    }

    /// <summary>Canonical composition in place.</summary>
    public void Compose()
    {
        var starter = -1;
        var written = 0;
        var lastClass = 0;
        for (var i = 0; i < _count; i++)
        {
            var item = _items[i];
            var combiningClass = item >> ClassShift;
            if (starter >= 0 && (written == starter + 1 || (lastClass < combiningClass && lastClass != 0)))
            {
                var composed = NormalizationData.Compose(_items[starter] & CodePointMask, item & CodePointMask);
                if (composed >= 0)
                {
                    _items[starter] = composed;
                    continue;
                }
            }

            if (combiningClass == 0)
            {
                starter = written;
            }

            lastClass = combiningClass;
            _items[written++] = item;
        }

        _count = written;
    }

    /// <summary>True when the buffer holds exactly the code points of <paramref name="text"/>.</summary>
    public readonly bool Equals(ReadOnlySpan<byte> text)
    {
        var position = 0;
        for (var i = 0; i < _count; i++)
        {
            if (position >= text.Length || CodePoints.Read(text, position, out var length) != (_items[i] & CodePointMask))
            {
                return false;
            }

            position += length;
        }

        return position == text.Length;
    }

    /// <summary>The code points, copied.</summary>
    public readonly int[] ToArray() => _items[.._count].ToArray();

    public readonly void WriteTo(Utf8Buffer output)
    {
        for (var i = 0; i < _count; i++)
        {
            output.AppendCodePoint(_items[i] & CodePointMask);
        }
    }

    public readonly void Dispose()
    {
        if (_rented is not null)
        {
            ArrayPool<int>.Shared.Return(_rented);
        }
    }

    private static void SortByClass(Span<int> marks)
    {
        if (marks.Length > LongRun)
        {
            SortLongRun(marks);
            return;
        }

        for (var i = 1; i < marks.Length; i++)
        {
            var mark = marks[i];
            var j = i;
            for (; j > 0 && marks[j - 1] >> ClassShift > mark >> ClassShift; j--)
            {
                marks[j] = marks[j - 1];
            }

            marks[j] = mark;
        }
    }

    private static void SortLongRun(Span<int> marks)
    {
        Span<int> starts = stackalloc int[257];
        starts.Clear();
        foreach (var mark in marks)
        {
            starts[(mark >> ClassShift) + 1]++;
        }

        for (var i = 1; i < starts.Length; i++)
        {
            starts[i] += starts[i - 1];
        }

        var sorted = ArrayPool<int>.Shared.Rent(marks.Length);
        foreach (var mark in marks)
        {
            sorted[starts[mark >> ClassShift]++] = mark;
        }

        sorted.AsSpan(0, marks.Length).CopyTo(marks);
        ArrayPool<int>.Shared.Return(sorted);
    }

    private void Add(int codePoint)
    {
        if (_count == _items.Length)
        {
            var larger = ArrayPool<int>.Shared.Rent(_items.Length * 2);
            _items[.._count].CopyTo(larger);
            Dispose();
            _items = _rented = larger;
        }

        _items[_count++] = NormalizationData.CombiningClasses[codePoint] << ClassShift | codePoint;
    }
}

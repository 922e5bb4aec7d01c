using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// Byte-pair merging: repeatedly merges the pair with the lowest rank, the leftmost one if several are equal. Short pieces scan a small array, long
/// ones use a heap, so that a piece costs at most O(n log n).
/// </summary>
internal static class BpeMerger
{
    /// <summary>The longest piece, in symbols, that is merged by scanning.</summary>
    public const int LongestScan = 48;

    /// <summary>Merges up to <see cref="LongestScan"/> symbols in place and returns the number of remaining ones.</summary>
    /// <param name="merges">The merges.</param>
    /// <param name="ids">The symbols.</param>
    /// <param name="count">The number of symbols.</param>
    /// <param name="pairs">The merges of symbols i and i + 1; count - 1 entries.</param>
    public static int MergeShort(MergeTable merges, Span<int> ids, int count, Span<ulong> pairs)
    {
        while (count > 1)
        {
            var best = MergeTable.None;
            var at = 0;
            for (var i = 0; i < count - 1; i++)
            {
                if (pairs[i] < best)
                {
                    best = pairs[i];
                    at = i;
                }
            }

            if (best == MergeTable.None)
            {
                break;
            }

            ids[at] = (int)(uint)best;
            count--;
            for (var i = at + 1; i < count; i++)
            {
                ids[i] = ids[i + 1];
                pairs[i - 1] = pairs[i];
            }

            if (at > 0)
            {
                pairs[at - 1] = merges.Find(ids[at - 1], ids[at]);
            }

            if (at < count - 1)
            {
                pairs[at] = merges.Find(ids[at], ids[at + 1]);
            }
        }

        return count;
    }

    /// <summary>Merges any number of symbols and appends the remaining ones.</summary>
    public static void MergeLong(MergeTable merges, ReadOnlySpan<int> symbols, BpeState state, IdList output)
    {
        var count = symbols.Length;
        state.Reserve(count);
        var ids = state.Ids;
        var next = state.Next;
        var previous = state.Previous;
        symbols.CopyTo(ids);

        // A heap entry is the rank in the upper and the position in the lower half. An entry is stale, and skipped, if its pair no longer exists or
        // has another rank.
        var heap = new RankHeap(state.Heap);
        for (var i = 0; i < count; i++)
        {
            previous[i] = i - 1;
            next[i] = i + 1 < count ? i + 1 : -1;
            if (i + 1 < count && merges.Find(ids[i], ids[i + 1]) is var merge && merge != MergeTable.None)
            {
                heap.AddUnordered(merge & 0xFFFFFFFF00000000 | (uint)i);
            }
        }

        heap.Order();
        while (heap.TryTake(out var entry))
        {
            state.HeapSteps++;
            var at = (int)(uint)entry;
            var right = ids[at] < 0 ? -1 : next[at];
            if (right < 0 || merges.Find(ids[at], ids[right]) is var merge && (merge == MergeTable.None || merge >> 32 != entry >> 32))
            {
                continue;
            }

            ids[at] = (int)(uint)merge;
            ids[right] = -1;
            next[at] = next[right];
            if (next[at] >= 0)
            {
                previous[next[at]] = at;
                Push(merges, ref heap, ids, at, next[at]);
            }

            if (previous[at] >= 0)
            {
                Push(merges, ref heap, ids, previous[at], at);
            }
        }

        state.Heap = heap.Array;
        for (var i = 0; i >= 0; i = next[i])
        {
            output.Add(ids[i]);
        }
    }

    private static void Push(MergeTable merges, ref RankHeap heap, int[] ids, int left, int right)
    {
        var merge = merges.Find(ids[left], ids[right]);
        if (merge != MergeTable.None)
        {
            heap.Add(merge & 0xFFFFFFFF00000000 | (uint)left);
        }
    }
}

/// <summary>The working memory of a BPE model: the word cache, and arrays for long pieces.</summary>
internal sealed class BpeState : ModelState
{
    private const int KeptSymbols = 1 << 16;

    private readonly Utf8Buffer _padded = new();

    public WordCache Cache { get; } = new();

    /// <summary>A piece in the printable alphabet, for lookups.</summary>
    public Utf8Buffer Alphabet { get; } = new();

    /// <summary>The symbols of a piece.</summary>
    public IdList Symbols { get; } = new();

    /// <summary>The number of heap candidates processed so far, which is the cost of long pieces.</summary>
    public long HeapSteps { get; set; }

    public int[] Ids { get; private set; } = [];

    public int[] Previous { get; private set; } = [];

    public int[] Next { get; private set; } = [];

    public ulong[] Heap { get; set; } = [];

    /// <summary>Ensures the capacity of the arrays for long pieces.</summary>
    public void Reserve(int symbols)
    {
        if (Ids.Length < symbols)
        {
            var size = (int)Math.Min(Array.MaxLength, Math.Max(1024, (long)symbols * 5 / 4));
            Ids = GC.AllocateUninitializedArray<int>(size);
            Previous = GC.AllocateUninitializedArray<int>(size);
            Next = GC.AllocateUninitializedArray<int>(size);
        }
    }

    /// <summary>Copies the piece to a buffer with readable bytes after it, for the word cache.</summary>
    public ReadOnlySpan<byte> Pad(ReadOnlySpan<byte> piece)
    {
        _padded.Clear();
        _padded.Append(piece);
        return _padded.Written;
    }

    public override void Trim()
    {
        _padded.Trim(KeptSymbols);
        Symbols.Trim(KeptSymbols);
        if (Ids.Length > KeptSymbols)
        {
            Ids = [];
            Previous = [];
            Next = [];
        }

        if (Heap.Length > 4 * KeptSymbols)
        {
            Heap = [];
        }
    }
}

/// <summary>A binary min-heap of numbers over a reusable array.</summary>
internal struct RankHeap(ulong[] array)
{
    private int _count;

    /// <summary>The underlying array, for reuse.</summary>
    public ulong[] Array { get; private set; } = array;

    /// <summary>Adds a value without maintaining the heap order; call <see cref="Order"/> before removing values.</summary>
    public void AddUnordered(ulong value)
    {
        if (_count == Array.Length)
        {
            Grow();
        }

        Array[_count++] = value;
    }

    public void Order()
    {
        for (var i = (_count / 2) - 1; i >= 0; i--)
        {
            SiftDown(i);
        }
    }

    public void Add(ulong value)
    {
        if (_count == Array.Length)
        {
            Grow();
        }

        var at = _count++;
        var array = Array;
        while (at > 0)
        {
            var parent = (at - 1) / 2;
            if (array[parent] <= value)
            {
                break;
            }

            array[at] = array[parent];
            at = parent;
        }

        array[at] = value;
    }

    public bool TryTake(out ulong value)
    {
        if (_count == 0)
        {
            value = 0;
            return false;
        }

        value = Array[0];
        Array[0] = Array[--_count];
        if (_count > 1)
        {
            SiftDown(0);
        }

        return true;
    }

    private readonly void SiftDown(int at)
    {
        var array = Array;
        var value = array[at];
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= _count)
            {
                break;
            }

            if (child + 1 < _count && array[child + 1] < array[child])
            {
                child++;
            }

            if (array[child] >= value)
            {
                break;
            }

            array[at] = array[child];
            at = child;
        }

        array[at] = value;
    }

    private void Grow()
    {
        var larger = Array;
        System.Array.Resize(ref larger, Math.Max(1024, Array.Length * 2));
        Array = larger;
    }
}

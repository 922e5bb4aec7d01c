using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// Byte-pair merging: again and again the pair with the lowest rank, the leftmost of equals. Short pieces by scanning a small array, long
/// ones with a heap, so that no piece costs more than O(n log n).
/// </summary>
internal static class BpeMerger
{
    /// <summary>Longest piece, in symbols, that is merged by scanning.</summary>
    public const int LongestScan = 48;

    /// <summary>Merges up to <see cref="LongestScan"/> symbols in place and returns how many are left.</summary>
    /// <param name="merges">The merges.</param>
    /// <param name="ids">The symbols.</param>
    /// <param name="count">How many.</param>
    /// <param name="pairs">pairs[i] is the merge of symbols i and i + 1, already looked up; count - 1 entries.</param>
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

    /// <summary>Merges any number of symbols and appends what is left.</summary>
    public static void MergeLong(MergeTable merges, ReadOnlySpan<int> symbols, BpeState state, IdList output)
    {
        var count = symbols.Length;
        state.Reserve(count);
        var ids = state.Ids;
        var next = state.Next;
        var previous = state.Previous;
        symbols.CopyTo(ids);

        // A heap entry is rank above position. An entry whose pair is gone or has another rank by now is stale and is passed over.
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

/// <summary>Working memory of a BPE model: the word cache, and arrays for long pieces.</summary>
internal sealed class BpeState : ModelState
{
    private const int KeptSymbols = 1 << 16;

    private readonly Utf8Buffer _padded = new();

    public WordCache Cache { get; } = new();

    /// <summary>A piece in the printable alphabet, while it is looked up.</summary>
    public Utf8Buffer Alphabet { get; } = new();

    /// <summary>The symbols of a piece, while they are being found.</summary>
    public IdList Symbols { get; } = new();

    /// <summary>Candidates looked at by all merging of long pieces so far: what such a piece costs.</summary>
    public long HeapSteps { get; set; }

    public int[] Ids { get; private set; } = [];

    public int[] Previous { get; private set; } = [];

    public int[] Next { get; private set; } = [];

    public ulong[] Heap { get; set; } = [];

    /// <summary>Makes the arrays for long pieces at least this long.</summary>
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

    /// <summary>A copy of the piece with readable bytes after it, for the word cache.</summary>
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

    /// <summary>The array behind the heap, for the next use.</summary>
    public ulong[] Array { get; private set; } = array;

    /// <summary>Adds without keeping order; call <see cref="Order"/> before taking.</summary>
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

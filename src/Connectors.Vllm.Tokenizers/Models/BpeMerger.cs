namespace Connectors.Vllm.Tokenizers;

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

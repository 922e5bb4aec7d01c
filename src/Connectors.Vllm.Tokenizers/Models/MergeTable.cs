using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// The merges of a BPE model: (left id, right id) to rank and merged id, in an open-addressing table. A merge is one 64-bit number, rank
/// above id, so that the smallest number is the merge to do first.
/// </summary>
internal sealed class MergeTable
{
    /// <summary>No merge for a pair; greater than every merge.</summary>
    public const ulong None = ulong.MaxValue;

    /// <summary>Keys are one higher than the pair they stand for, so that fresh memory is an empty table.</summary>
    private const ulong EmptyKey = 0;

    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private readonly Slot[] _slots;
    private readonly int _shift;

    /// <param name="capacity">How many merges will be added at most.</param>
    /// <param name="budget">What loading may take.</param>
    public MergeTable(int capacity, LoadBudget? budget = null)
    {
        var size = System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, (long)capacity * 5 / 3));
        budget?.Reserve(16L * size, "merges");
        _slots = new Slot[(int)size];
        _shift = 64 - System.Numerics.BitOperations.Log2(size);
    }

    /// <summary>Number of different pairs.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a merge; a pair that is there already gets the new rank and id.</summary>
    public void Add(int left, int right, int rank, int id)
    {
        var key = ((ulong)(uint)left << 32 | (uint)right) + 1;
        var mask = _slots.Length - 1;
        var slot = (int)((key * Multiplier) >> _shift);
        while (_slots[slot].Key != EmptyKey && _slots[slot].Key != key)
        {
            slot = (slot + 1) & mask;
        }

        Count += _slots[slot].Key == EmptyKey ? 1 : 0;
        _slots[slot] = new Slot { Key = key, Merge = (ulong)(uint)rank << 32 | (uint)id };
    }

    /// <summary>The merge of a pair, or <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Find(int left, int right)
    {
        var key = ((ulong)(uint)left << 32 | (uint)right) + 1;
        ref var slots = ref MemoryMarshal.GetArrayDataReference(_slots);
        var mask = _slots.Length - 1;
        for (var slot = (int)((key * Multiplier) >> _shift); ; slot = (slot + 1) & mask)
        {
            ref var found = ref Unsafe.Add(ref slots, slot);
            if (found.Key == key)
            {
                return found.Merge;
            }

            if (found.Key == EmptyKey)
            {
                return None;
            }
        }
    }

    /// <summary>Slots to go through with <see cref="TryGetSlot"/>.</summary>
    public int SlotCount => _slots.Length;

    /// <summary>The pair in a slot; false when the slot is empty.</summary>
    public bool TryGetSlot(int slot, out int left, out int right)
    {
        var key = _slots[slot].Key;
        left = (int)((key - 1) >> 32);
        right = (int)(uint)(key - 1);
        return key != EmptyKey;
    }

    private struct Slot
    {
        public ulong Key;
        public ulong Merge;
    }
}

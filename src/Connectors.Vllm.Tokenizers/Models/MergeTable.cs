using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// The merges of a BPE model: an open-addressing hash table from (left id, right id) to rank and merged id. A merge is a 64-bit integer with the rank
/// in the upper and the id in the lower half, so that the smallest value is the merge to apply first.
/// </summary>
internal sealed class MergeTable
{
    /// <summary>The value for a pair without a merge; greater than every merge.</summary>
    public const ulong None = ulong.MaxValue;

    /// <summary>The key of an empty slot. Keys are the pair plus one, so that zeroed memory is an empty table.</summary>
    private const ulong EmptyKey = 0;

    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private readonly Slot[] _slots;
    private readonly int _shift;

    /// <param name="capacity">The maximum number of merges that will be added.</param>
    /// <param name="budget">The memory budget for loading.</param>
    public MergeTable(int capacity, LoadBudget? budget = null)
    {
        var size = System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, (long)capacity * 5 / 3));
        budget?.Reserve(16L * size, "merges");
        _slots = new Slot[(int)size];
        _shift = 64 - System.Numerics.BitOperations.Log2(size);
    }

    /// <summary>The number of distinct pairs.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a merge; an existing pair gets the new rank and id.</summary>
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

    /// <summary>Gets the merge of a pair, or <see cref="None"/>.</summary>
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

    /// <summary>The number of slots, for enumeration with <see cref="TryGetSlot"/>.</summary>
    public int SlotCount => _slots.Length;

    /// <summary>Gets the pair in a slot; false if the slot is empty.</summary>
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

/// <summary>
/// Determines between which characters a BPE merge is possible. The first symbol that spans a position in the text is the result of merging a symbol
/// that ends there with one that begins there; if no merge of the model fits the two characters, no token can span the position, and the text can be
/// split there without changing an id. Llama-style models never merge across the start of a word, and half of all adjacent characters in Chinese or
/// Japanese text never merge either, so long pieces are split into short ones that repeat. Immutable.
/// </summary>
/// <remarks>
/// The pairs are stored in a bit field addressed by a hash: two pairs may share a bit, which can only hide a border, never add one. Tokens of
/// byte-level models may contain partial characters; a merge that ends or begins with one applies to all characters that end or begin with the same
/// byte.
/// </remarks>
internal sealed class MergeBorders
{
    private const int AnyWithLastByte = 0x200000;
    private const int AnyWithFirstByte = 0x400000;

    private readonly ulong[] _bits;
    private readonly int _shift;
    private readonly bool[] _partLeft = new bool[256];
    private readonly bool[] _partRight = new bool[256];
    private readonly ulong[]? _known;

    private MergeBorders(int merges, bool allKnown)
    {
        // At least 16 bits per merge, so that at most one in fifty borders is hidden by a collision.
        var size = System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp((long)merges * 16, 1 << 12, 1 << 23));
        _bits = new ulong[size / 64];
        _shift = 64 - System.Numerics.BitOperations.Log2(size);
        _known = allKnown ? null : new ulong[0x10000 / 64];
    }

    /// <summary>Creates the borders of a byte-level model, in which every byte has a token.</summary>
    /// <param name="tokens">The tokens' bytes.</param>
    /// <param name="merges">The merges.</param>
    public static MergeBorders OfBytes(TokenBytes tokens, MergeTable merges)
    {
        var result = new MergeBorders(merges.Count, allKnown: true);
        result.AddAll(merges, new Ends(tokens.IdLimit, id => tokens[id]), []);
        return result;
    }

    /// <summary>
    /// Creates the borders of a character-level model, or null if its merges involve byte or unknown tokens, so that borders cannot be determined.
    /// Characters without a token become bytes or unknown tokens, which may be fused, so there is no border beside them.
    /// </summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">The merges.</param>
    /// <param name="opaque">The ids of bytes and unknown characters.</param>
    public static MergeBorders? OfCharacters(Vocabulary vocabulary, MergeTable merges, HashSet<int> opaque)
    {
        var result = new MergeBorders(merges.Count, allKnown: false);
        if (!result.AddAll(merges, new Ends(vocabulary.IdLimit, vocabulary.Token), opaque))
        {
            return null;
        }

        for (var id = 0; id < vocabulary.IdLimit; id++)
        {
            var token = vocabulary.Token(id);
            if (token.Length is > 0 and <= 3
                && Ends.FirstCharacter(token, out var length) is >= 0 and < 0x10000 and var character && length == token.Length)
            {
                result._known![character >> 6] |= 1UL << (character & 63);
            }
        }

        return result;
    }

    /// <summary>Gets the first position after the start at which the text can be split; its length if there is none.</summary>
    /// <param name="text">The first byte of valid UTF-8.</param>
    /// <param name="length">The length in bytes, at least 1.</param>
    public int NextBorder(ref byte text, int length)
    {
        var before = Decode(ref text, out var at);
        while (at < length)
        {
            ref var next = ref Unsafe.Add(ref text, at);
            var after = Decode(ref next, out var afterLength);
            if (!IsJoined(before, after) && IsCertain(before, after, Unsafe.Add(ref next, -1), next))
            {
                return at;
            }

            at += afterLength;
            before = after;
        }

        return length;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Decode(ref byte at, out int length)
    {
        int first = at;
        if (first < 0x80)
        {
            length = 1;
            return first;
        }

        length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        return length switch
        {
            2 => (first & 0x1F) << 6 | (Unsafe.Add(ref at, 1) & 0x3F),
            3 => (first & 0x0F) << 12 | (Unsafe.Add(ref at, 1) & 0x3F) << 6 | (Unsafe.Add(ref at, 2) & 0x3F),
            _ => (first & 0x07) << 18 | (Unsafe.Add(ref at, 1) & 0x3F) << 12 | (Unsafe.Add(ref at, 2) & 0x3F) << 6 | (Unsafe.Add(ref at, 3) & 0x3F),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Bit(int left, int right) => (int)((((ulong)(uint)left << 32 | (uint)right) * 0x9E3779B97F4A7C15) >> _shift);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsJoined(int left, int right)
    {
        var bit = Bit(left, right);
        return (Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_bits), bit >> 6) >> (bit & 63) & 1) != 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsCertain(int before, int after, byte lastByte, byte firstByte)
    {
        if (_known is not null && !(IsKnown(before) && IsKnown(after)))
        {
            return false;
        }

        return !(_partLeft[lastByte] && IsJoined(AnyWithLastByte + lastByte, after))
            && !(_partRight[firstByte] && (IsJoined(before, AnyWithFirstByte + firstByte)
                || (_partLeft[lastByte] && IsJoined(AnyWithLastByte + lastByte, AnyWithFirstByte + firstByte))));
    }

    private bool IsKnown(int character) => character < 0x10000 && (_known![character >> 6] >> (character & 63) & 1) != 0;

    private bool AddAll(MergeTable merges, Ends ends, HashSet<int> opaque)
    {
        for (var slot = 0; slot < merges.SlotCount; slot++)
        {
            if (!merges.TryGetSlot(slot, out var left, out var right))
            {
                continue;
            }

            if (opaque.Count > 0 && (opaque.Contains(left) || opaque.Contains(right)))
            {
                return false;
            }

            var (before, after) = (ends.Last[left], ends.First[right]);
            if (before == Ends.Nowhere || after == Ends.Nowhere)
            {
                continue;
            }

            _partLeft[before & 0xFF] |= before >= AnyWithLastByte;
            _partRight[after & 0xFF] |= after >= AnyWithFirstByte;
            var bit = Bit(before, after);
            _bits[bit >> 6] |= 1UL << (bit & 63);
        }

        return true;
    }

    /// <summary>The first and last characters of the tokens, cached because the merges contain the same tokens many times.</summary>
    private readonly struct Ends
    {
        /// <summary>No character boundary: the token begins inside a character, or there is no token.</summary>
        public const int Nowhere = -1;

        public Ends(int count, TokenOfId tokens)
        {
            First = new int[count];
            Last = new int[count];
            for (var id = 0; id < count; id++)
            {
                var token = tokens(id);
                if (token.IsEmpty)
                {
                    First[id] = Last[id] = Nowhere;
                    continue;
                }

                var first = FirstCharacter(token, out _);
                var last = LastCharacter(token);
                First[id] = (token[0] & 0xC0) == 0x80 ? Nowhere : first >= 0 ? first : AnyWithFirstByte + token[0];
                Last[id] = last >= 0 ? last : AnyWithLastByte + token[^1];
            }
        }

        public delegate ReadOnlySpan<byte> TokenOfId(int id);

        /// <summary>The first character by id, or <see cref="AnyWithFirstByte"/> and the byte if it is incomplete.</summary>
        public int[] First { get; }

        /// <summary>The last character by id, or <see cref="AnyWithLastByte"/> and the byte if it is incomplete.</summary>
        public int[] Last { get; }

        public static int FirstCharacter(ReadOnlySpan<byte> token, out int length)
        {
            length = token[0] < 0x80 ? 1 : token[0] < 0xC0 ? 9 : token[0] < 0xE0 ? 2 : token[0] < 0xF0 ? 3 : 4;
            return length <= token.Length ? Decode(ref MemoryMarshal.GetReference(token), out _) : -1;
        }

        private static int LastCharacter(ReadOnlySpan<byte> token)
        {
            var start = token.Length - 1;
            while (start > 0 && (token[start] & 0xC0) == 0x80 && token.Length - start < 4)
            {
                start--;
            }

            return FirstCharacter(token[start..], out var length) is >= 0 and var character && length == token.Length - start ? character : -1;
        }
    }
}

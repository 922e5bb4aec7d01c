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

/// <summary>
/// Knows between which characters a BPE merge can ever happen. The first symbol that lies across a place in the text was made by a merge
/// of a symbol that ends there with one that begins there; where no merge of the model fits the two characters, no token can lie across,
/// and the text can be cut without changing an id. Llama-style models never merge across the start of a word, and half of all neighbours
/// in Chinese or Japanese text never merge either, so long pieces fall into short ones that repeat. Immutable.
/// </summary>
/// <remarks>
/// The pairs are kept in a bit field addressed by a hash: two pairs may share a bit, which can only hide a border, never invent one.
/// Tokens of byte-level models may hold parts of characters; a merge that ends or begins with such a part counts for all characters that
/// end or begin with the same byte.
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
        // Some 16 bits per merge and more: one in fifty answers "joined" is wrong at most.
        var size = System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp((long)merges * 16, 1 << 12, 1 << 23));
        _bits = new ulong[size / 64];
        _shift = 64 - System.Numerics.BitOperations.Log2(size);
        _known = allKnown ? null : new ulong[0x10000 / 64];
    }

    /// <summary>The borders of a byte-level model: every byte has a token.</summary>
    /// <param name="tokens">The tokens' bytes.</param>
    /// <param name="merges">The merges.</param>
    public static MergeBorders OfBytes(TokenBytes tokens, MergeTable merges)
    {
        var result = new MergeBorders(merges.Count, allKnown: true);
        result.AddAll(merges, new Ends(tokens.IdLimit, id => tokens[id]), []);
        return result;
    }

    /// <summary>
    /// The borders of a character-level model, or null when its merges touch byte or unknown tokens, so that nothing is certain.
    /// Characters without a token become bytes or unknown tokens, which may fuse: there is no border beside them.
    /// </summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">The merges.</param>
    /// <param name="opaque">Ids that stand for bytes or unknown characters.</param>
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

    /// <summary>The first place after the start where the text can be cut; its length when there is none.</summary>
    /// <param name="text">First byte; valid UTF-8.</param>
    /// <param name="length">Length in bytes, at least 1.</param>
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

    /// <summary>The characters tokens begin and end with, looked at once: the merges name the same tokens over and over.</summary>
    private readonly struct Ends
    {
        /// <summary>Not where characters meet: the token begins inside a character, or there is no token.</summary>
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

        /// <summary>Per id, the first character, or <see cref="AnyWithFirstByte"/> and the byte when it is cut.</summary>
        public int[] First { get; }

        /// <summary>Per id, the last character, or <see cref="AnyWithLastByte"/> and the byte when it is cut.</summary>
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

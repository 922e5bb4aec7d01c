using System.Runtime.CompilerServices;
using System.Text;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// A bidirectional map between tokens (as bytes) and their ids. Immutable once built; ids may have gaps. A token that was added twice has its last
/// id, like a duplicate key of a JSON object in the reference.
/// </summary>
internal sealed class Vocabulary
{
    private readonly byte[] _blob;
    private readonly int[] _starts;
    private readonly ulong[] _slots;

    // Both are null if entry i has id i, as in nearly every file.
    private readonly int[]? _ids;
    private readonly int[]? _entryOfId;

    private Vocabulary(byte[] blob, int[] starts, int[]? ids, ulong[] slots, int[]? entryOfId)
    {
        _blob = blob;
        _starts = starts;
        _ids = ids;
        _slots = slots;
        _entryOfId = entryOfId;
    }

    /// <summary>The number of distinct tokens.</summary>
    public int Count => _starts.Length - 1;

    /// <summary>The highest id plus one.</summary>
    public int IdLimit => _entryOfId?.Length ?? Count;

    /// <summary>The total length of all tokens in bytes.</summary>
    public int BlobLength => _blob.Length;

    /// <summary>The length of the longest token in bytes.</summary>
    public int Longest { get; private init; }

    /// <summary>The id of a token, or -1.</summary>
    public int Find(ReadOnlySpan<byte> token)
    {
        var slots = _slots;
        var mask = slots.Length - 1;
        var hash = ByteHash.Of(token);
        for (var at = (int)hash & mask; slots[at] is not 0 and var slot; at = (at + 1) & mask)
        {
            if (Slot.MayBe(slot, hash) && token.SequenceEqual(Entry(Slot.Entry(slot))))
            {
                return _ids is null ? Slot.Entry(slot) : _ids[Slot.Entry(slot)];
            }
        }

        return -1;
    }

    public int Find(string token)
    {
        var length = Encoding.UTF8.GetMaxByteCount(token.Length);
        var buffer = length <= 512 ? stackalloc byte[512] : new byte[length];
        return Find(buffer[..Encoding.UTF8.GetBytes(token, buffer)]);
    }

    /// <summary>Whether there is a token with this id.</summary>
    public bool Has(int id) => (uint)id < (uint)IdLimit && (_entryOfId is null || _entryOfId[id] >= 0);

    /// <summary>Gets the token with this id; empty if there is none (see <see cref="Has"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReadOnlySpan<byte> Token(int id) => Has(id) ? Entry(_entryOfId is null ? id : _entryOfId[id]) : default;

    private ReadOnlySpan<byte> Entry(int entry) => _blob.AsSpan(_starts[entry], _starts[entry + 1] - _starts[entry]);

    /// <summary>
    /// A slot of the hash table: the entry plus one (0 for none) in the lower half, and a part of the entry's hash in the upper half, so that the
    /// bytes of other tokens are hardly ever compared.
    /// </summary>
    private static class Slot
    {
        public static ulong Of(ulong hash, int entry) => (hash & 0xFFFFFFFF00000000) | (uint)(entry + 1);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static int Entry(ulong slot) => (int)(uint)slot - 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool MayBe(ulong slot, ulong hash) => (slot ^ hash) >> 32 == 0;
    }

    /// <summary>Collects tokens; not thread-safe.</summary>
    internal sealed class Builder(int capacity = 1024, LoadBudget? budget = null)
    {
        /// <summary>The limit of ids; higher ones would only waste memory.</summary>
        public const int IdCeiling = 1 << 24;

        /// <summary>The maximum length of a token in bytes.</summary>
        private const int MaxTokenLength = 1 << 16;

        private byte[] _blob = new byte[capacity * 8];
        private int[] _starts = new int[capacity + 1];
        private int[] _ids = new int[capacity];
        private ulong[] _slots = CreateSlots(capacity, budget);
        private int _entries;
        private int _highestId = -1;
        private int _longest;
        private bool _inOrder = true;

        public int Count => _entries;

        /// <summary>
        /// Throws if a token is so long that a few ids would be gigabytes of text; the longest tokens of real models have hundreds of bytes.
        /// </summary>
        public static void CheckLength(int length)
        {
            if (length > MaxTokenLength)
            {
                throw new TokenizerException("one of the file's tokens is far longer than that of any real model; download it again");
            }
        }

        /// <summary>Adds a token; false if the id is out of range (negative, or at least <see cref="IdCeiling"/>).</summary>
        /// <exception cref="TokenizerException">The token is too long.</exception>
        public bool TryAdd(ReadOnlySpan<byte> token, int id)
        {
            CheckLength(token.Length);
            if ((uint)id >= IdCeiling)
            {
                return false;
            }

            if (_entries * 3L >= _slots.Length * 2L)
            {
                Rehash();
            }

            _highestId = Math.Max(_highestId, id);
            var hash = ByteHash.Of(token);
            var mask = _slots.Length - 1;
            var at = (int)hash & mask;
            for (; _slots[at] is not 0 and var slot; at = (at + 1) & mask)
            {
                if (Slot.MayBe(slot, hash) && token.SequenceEqual(Entry(Slot.Entry(slot))))
                {
                    _inOrder &= Slot.Entry(slot) == id;
                    _ids[Slot.Entry(slot)] = id;
                    return true;
                }
            }

            _slots[at] = Slot.Of(hash, _entries);
            Append(token, id);
            return true;
        }

        /// <summary>The id of a token, or -1.</summary>
        public int Find(ReadOnlySpan<byte> token)
        {
            var mask = _slots.Length - 1;
            var hash = ByteHash.Of(token);
            for (var at = (int)hash & mask; _slots[at] is not 0 and var slot; at = (at + 1) & mask)
            {
                if (Slot.MayBe(slot, hash) && token.SequenceEqual(Entry(Slot.Entry(slot))))
                {
                    return _ids[Slot.Entry(slot)];
                }
            }

            return -1;
        }

        public Vocabulary Build()
        {
            var isPlain = _inOrder && _highestId == _entries - 1;

            // Decoding and splitting need some integers per id, including gaps, and one or two copies of the tokens' text.
            budget?.Reserve((32L * (_highestId + 1)) + (2L * _starts[_entries]), "tokens");
            int[]? entryOfId = null;
            if (!isPlain)
            {
                budget?.Reserve(4L * (_highestId + 1), "ids");
                entryOfId = new int[_highestId + 1];
                Array.Fill(entryOfId, -1);
                for (var entry = 0; entry < _entries; entry++)
                {
                    entryOfId[_ids[entry]] = entry;
                }
            }

            var ids = isPlain ? null : _ids[.._entries];
            return new Vocabulary(_blob[.._starts[_entries]], _starts[..(_entries + 1)], ids, _slots, entryOfId) { Longest = _longest };
        }

        // At most two thirds full.
        private static ulong[] CreateSlots(int capacity, LoadBudget? budget)
        {
            var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, (capacity * 3L / 2) + 1));
            budget?.Reserve(8L * size, "tokens");
            return new ulong[size];
        }

        private ReadOnlySpan<byte> Entry(int entry) => _blob.AsSpan(_starts[entry], _starts[entry + 1] - _starts[entry]);

        private void Append(ReadOnlySpan<byte> token, int id)
        {
            var start = _starts[_entries];
            if (_blob.Length - start < token.Length)
            {
                var size = Math.Max(_blob.Length * 2L, start + token.Length);
                budget?.Reserve(size - _blob.Length, "tokens");
                Array.Resize(ref _blob, (int)Math.Min(size, Array.MaxLength));
            }

            if (_entries == _ids.Length)
            {
                budget?.Reserve(8L * Math.Max(16, _ids.Length), "tokens");
                Array.Resize(ref _ids, Math.Max(16, _ids.Length * 2));
                Array.Resize(ref _starts, _ids.Length + 1);
            }

            token.CopyTo(_blob.AsSpan(start));
            _inOrder &= id == _entries;
            _longest = Math.Max(_longest, token.Length);
            _ids[_entries++] = id;
            _starts[_entries] = start + token.Length;
        }

        private void Rehash()
        {
            _slots = CreateSlots(_entries * 2, budget);
            var mask = _slots.Length - 1;
            for (var entry = 0; entry < _entries; entry++)
            {
                var hash = ByteHash.Of(Entry(entry));
                var at = (int)hash & mask;
                while (_slots[at] != 0)
                {
                    at = (at + 1) & mask;
                }

                _slots[at] = Slot.Of(hash, entry);
            }
        }
    }
}

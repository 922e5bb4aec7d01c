using System.Runtime.CompilerServices;
using System.Text;

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Tokens (as bytes) and their ids, both ways. Immutable once built; ids may have holes. A token that was added twice has its last id, as
/// in a JSON object read by the reference.
/// </summary>
internal sealed class Vocabulary
{
    private readonly byte[] _blob;
    private readonly int[] _starts;
    private readonly int[] _ids;
    private readonly int[] _slots;
    private readonly int[] _entryOfId;

    private Vocabulary(byte[] blob, int[] starts, int[] ids, int[] slots, int[] entryOfId, int count)
    {
        _blob = blob;
        _starts = starts;
        _ids = ids;
        _slots = slots;
        _entryOfId = entryOfId;
        Count = count;
    }

    /// <summary>Number of distinct tokens.</summary>
    public int Count { get; }

    /// <summary>One more than the highest id.</summary>
    public int IdLimit => _entryOfId.Length;

    /// <summary>Bytes this vocabulary keeps.</summary>
    public long Size => _blob.Length + 4L * (_starts.Length + _ids.Length + _slots.Length + _entryOfId.Length);

    /// <summary>The id of a token, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Find(ReadOnlySpan<byte> token)
    {
        var slots = _slots;
        var mask = slots.Length - 1;
        for (var slot = (int)ByteHash.Of(token) & mask; ; slot = (slot + 1) & mask)
        {
            var entry = slots[slot] - 1;
            if (entry < 0)
            {
                return -1;
            }

            if (token.SequenceEqual(Entry(entry)))
            {
                return _ids[entry];
            }
        }
    }

    public int Find(string token)
    {
        var length = Encoding.UTF8.GetMaxByteCount(token.Length);
        var buffer = length <= 512 ? stackalloc byte[512] : new byte[length];
        return Find(buffer[..Encoding.UTF8.GetBytes(token, buffer)]);
    }

    /// <summary>True when a token has this id.</summary>
    public bool Has(int id) => (uint)id < (uint)_entryOfId.Length && _entryOfId[id] >= 0;

    /// <summary>The token with this id; empty when there is none (see <see cref="Has"/>).</summary>
    public ReadOnlySpan<byte> Token(int id) => Has(id) ? Entry(_entryOfId[id]) : default;

    private ReadOnlySpan<byte> Entry(int entry) => _blob.AsSpan(_starts[entry], _starts[entry + 1] - _starts[entry]);

    /// <summary>Collects tokens; not thread-safe.</summary>
    internal sealed class Builder(int capacity = 1024)
    {
        private byte[] _blob = new byte[capacity * 8];
        private int[] _starts = new int[capacity + 1];
        private int[] _ids = new int[capacity];
        private int[] _slots = CreateSlots(capacity);
        private int _entries;
        private int _highestId = -1;

        /// <summary>Ids at or above this are refused: they would only waste memory.</summary>
        public const int IdCeiling = 1 << 24;

        public int Count => _entries;

        /// <summary>Adds a token. False when the id is out of range (negative, or <see cref="IdCeiling"/> and more).</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public bool TryAdd(ReadOnlySpan<byte> token, int id)
        {
            if ((uint)id >= IdCeiling)
            {
                return false;
            }

            if ((_entries + 1) * 2 > _slots.Length)
            {
                Rehash();
            }

            _highestId = Math.Max(_highestId, id);
            var mask = _slots.Length - 1;
            var slot = (int)ByteHash.Of(token) & mask;
            for (; _slots[slot] != 0; slot = (slot + 1) & mask)
            {
                if (token.SequenceEqual(Entry(_slots[slot] - 1)))
                {
                    _ids[_slots[slot] - 1] = id;
                    return true;
                }
            }

            Append(token, id);
            _slots[slot] = _entries;
            return true;
        }

        /// <summary>The id of a token, or -1.</summary>
        public int Find(ReadOnlySpan<byte> token)
        {
            var mask = _slots.Length - 1;
            for (var slot = (int)ByteHash.Of(token) & mask; _slots[slot] != 0; slot = (slot + 1) & mask)
            {
                if (token.SequenceEqual(Entry(_slots[slot] - 1)))
                {
                    return _ids[_slots[slot] - 1];
                }
            }

            return -1;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public Vocabulary Build()
        {
            var entryOfId = new int[_highestId + 1];
            Array.Fill(entryOfId, -1);
            for (var entry = 0; entry < _entries; entry++)
            {
                entryOfId[_ids[entry]] = entry;
            }

            return new Vocabulary(_blob[.._starts[_entries]], _starts[..(_entries + 1)], _ids[.._entries], _slots, entryOfId, _entries);
        }

        private static int[] CreateSlots(int capacity) => new int[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 2 + 2))];

        private ReadOnlySpan<byte> Entry(int entry) => _blob.AsSpan(_starts[entry], _starts[entry + 1] - _starts[entry]);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Append(ReadOnlySpan<byte> token, int id)
        {
            var start = _starts[_entries];
            if (_blob.Length - start < token.Length)
            {
                Array.Resize(ref _blob, Math.Max(_blob.Length * 2, start + token.Length));
            }

            if (_entries == _ids.Length)
            {
                Array.Resize(ref _ids, Math.Max(16, _ids.Length * 2));
                Array.Resize(ref _starts, _ids.Length + 1);
            }

            token.CopyTo(_blob.AsSpan(start));
            _ids[_entries++] = id;
            _starts[_entries] = start + token.Length;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Rehash()
        {
            _slots = CreateSlots(_entries * 2);
            var mask = _slots.Length - 1;
            for (var entry = 0; entry < _entries; entry++)
            {
                var slot = (int)ByteHash.Of(Entry(entry)) & mask;
                while (_slots[slot] != 0)
                {
                    slot = (slot + 1) & mask;
                }

                _slots[slot] = entry + 1;
            }
        }
    }
}

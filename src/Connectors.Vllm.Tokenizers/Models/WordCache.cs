using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Models;

/// <summary>
/// Caches the ids of pieces. Words of natural text repeat, so nearly every piece is one lookup. Used by one encoding at a time, so it needs no locks.
/// Pieces of up to 15 bytes are stored with their ids in half a cache line, two candidates per line; longer ones are in a pool. Memory is bounded:
/// old pieces are evicted, and a full pool is cleared.
/// </summary>
internal sealed class WordCache
{
    /// <summary>The longest piece whose key is stored in the slot. Reading it loads 16 bytes, regardless of its length.</summary>
    public const int LongestShort = 15;

    /// <summary>The longest piece that is cached.</summary>
    public const int LongestLong = 512;

    /// <summary>Distinguishes parts of pieces from pieces.</summary>
    public const ulong PartMark = 1UL << 63;

    private const int FirstSlots = 1 << 11;
    private const int MostShortSlots = 1 << 16;
    private const int MostLongSlots = 1 << 15;
    private const int MaxIds = 1 << 18;
    private const int MostKeyBytes = 1 << 20;
    private const int InlineIds = 3;

    private ShortSlot[] _short = new ShortSlot[FirstSlots];
    private LongSlot[] _long = new LongSlot[FirstSlots];
    private readonly ushort[] _seen = new ushort[MostLongSlots];
    private int _shortCount;
    private int _longCount;
    private int[] _ids = new int[1024];
    private int _idCount;
    private byte[] _keys = new byte[1024];
    private int _keyBytes;

    /// <summary>Appends the ids of a piece of up to <see cref="LongestShort"/> bytes; false if it is not cached.</summary>
    /// <param name="piece">The piece; 16 bytes from here must be readable.</param>
    /// <param name="length">Its length, 1 to 15.</param>
    /// <param name="mark">0 or <see cref="PartMark"/>.</param>
    /// <param name="output">The list to which the ids are appended.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAppendShort(ref byte piece, int length, ulong mark, IdList output)
    {
        Key(ref piece, length, out var low, out var high);
        high |= mark;
        var index = Index(low, high, _short.Length);
        ref var slot = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_short), index);
        if (slot.Low != low || slot.High != high)
        {
            slot = ref Unsafe.Add(ref slot, 1);
            if (slot.Low != low || slot.High != high)
            {
                return false;
            }
        }

        if (slot.Count == 1)
        {
            output.Add(slot.First);
            return true;
        }

        AppendMore(ref slot, output);
        return true;
    }

    public void AddShort(ref byte piece, int length, ulong mark, ReadOnlySpan<int> ids)
    {
        if (_shortCount * 5 > _short.Length * 3 && _short.Length < MostShortSlots)
        {
            GrowShort();
        }

        Key(ref piece, length, out var low, out var high);
        var slot = new ShortSlot { Low = low, High = high | mark, Count = ids.Length };
        if (ids.Length <= InlineIds)
        {
            slot.First = ids.Length > 0 ? ids[0] : 0;
            slot.Second = ids.Length > 1 ? ids[1] : 0;
            slot.Third = ids.Length > 2 ? ids[2] : 0;
        }
        else
        {
            slot.First = AddIds(ids);
        }

        Insert(slot);
    }

    /// <summary>Appends the ids of a longer piece; false if it is not cached.</summary>
    public bool TryAppendLong(ReadOnlySpan<byte> piece, ulong hash, IdList output)
    {
        ref var slot = ref _long[(int)(hash >> 32) & (_long.Length - 1)];
        if (slot.Hash != hash || slot.Length != piece.Length || !piece.SequenceEqual(_keys.AsSpan(slot.Key, slot.Length)))
        {
            return false;
        }

        output.AddRange(_ids.AsSpan(slot.Ids, slot.Count));
        return true;
    }

    /// <summary>Caches a longer piece when it occurs for the second time, because most long pieces do not repeat.</summary>
    public void AddLong(ReadOnlySpan<byte> piece, ulong hash, ReadOnlySpan<int> ids)
    {
        ref var seen = ref _seen[(int)(hash >> 16) & (_seen.Length - 1)];
        if (seen != (ushort)hash)
        {
            seen = (ushort)hash;
            return;
        }

        if (_keyBytes + piece.Length > MostKeyBytes)
        {
            ClearLong();
        }

        if (_longCount * 2 > _long.Length && _long.Length < MostLongSlots)
        {
            GrowLong();
        }

        var place = AddIds(ids);
        if (_keys.Length < _keyBytes + piece.Length)
        {
            Array.Resize(ref _keys, Math.Max(_keys.Length * 2, _keyBytes + piece.Length));
        }

        piece.CopyTo(_keys.AsSpan(_keyBytes));
        ref var slot = ref _long[(int)(hash >> 32) & (_long.Length - 1)];
        _longCount += slot.Length == 0 ? 1 : 0;
        slot = new LongSlot { Hash = hash, Key = _keyBytes, Length = piece.Length, Ids = place, Count = ids.Length };
        _keyBytes += piece.Length;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Key(ref byte piece, int length, out ulong low, out ulong high)
    {
        low = Unsafe.ReadUnaligned<ulong>(ref piece);
        if (length < 8)
        {
            low &= (1UL << (length * 8)) - 1;
            high = (ulong)length << 56;
        }
        else
        {
            high = (Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref piece, 8)) & ((1UL << ((length - 8) * 8)) - 1)) | (ulong)length << 56;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Index(ulong low, ulong high, int size)
    {
        var hash = (low ^ (high * 0xC2B2AE3D27D4EB4F)) * 0x9E3779B97F4A7C15;
        return (int)((hash ^ (hash >> 29)) >> 20) & (size - 2);
    }

    private void AppendMore(ref ShortSlot slot, IdList output)
    {
        if (slot.Count > InlineIds)
        {
            output.AddRange(_ids.AsSpan(slot.First, slot.Count));
            return;
        }

        if (slot.Count > 0)
        {
            output.Add(slot.First);
            output.Add(slot.Second);
        }

        if (slot.Count > 2)
        {
            output.Add(slot.Third);
        }
    }

    /// <summary>Inserts a piece at the first position of the line and moves the previous one to the second.</summary>
    private void Insert(in ShortSlot slot)
    {
        var index = Index(slot.Low, slot.High, _short.Length);
        ref var first = ref _short[index];
        ref var second = ref _short[index + 1];
        _shortCount += second.High == 0 ? 1 : 0;
        if (first.High != 0)
        {
            second = first;
        }

        first = slot;
    }

    private int AddIds(ReadOnlySpan<int> ids)
    {
        if (_idCount + ids.Length > MaxIds)
        {
            Clear();
        }

        if (_ids.Length < _idCount + ids.Length)
        {
            Array.Resize(ref _ids, Math.Max(_ids.Length * 2, _idCount + ids.Length));
        }

        ids.CopyTo(_ids.AsSpan(_idCount));
        _idCount += ids.Length;
        return _idCount - ids.Length;
    }

    private void Clear()
    {
        Array.Clear(_short);
        _shortCount = _idCount = 0;
        ClearLong();
    }

    private void ClearLong()
    {
        Array.Clear(_long);
        _longCount = _keyBytes = 0;
    }

    private void GrowShort()
    {
        var old = _short;
        _short = new ShortSlot[old.Length * 2];
        _shortCount = 0;
        foreach (ref readonly var slot in old.AsSpan())
        {
            if (slot.High != 0)
            {
                Insert(slot);
            }
        }
    }

    private void GrowLong()
    {
        var old = _long;
        _long = new LongSlot[old.Length * 2];
        _longCount = 0;
        foreach (ref readonly var slot in old.AsSpan())
        {
            if (slot.Length != 0)
            {
                ref var place = ref _long[(int)(slot.Hash >> 32) & (_long.Length - 1)];
                _longCount += place.Length == 0 ? 1 : 0;
                place = slot;
            }
        }
    }

    private struct ShortSlot
    {
        public ulong Low;
        public ulong High;
        public int Count;
        public int First;
        public int Second;
        public int Third;
    }

    private struct LongSlot
    {
        public ulong Hash;
        public int Key;
        public int Length;
        public int Ids;
        public int Count;
    }
}

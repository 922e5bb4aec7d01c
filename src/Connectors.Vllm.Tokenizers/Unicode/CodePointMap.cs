using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers;

/// <summary>A small number for every code point: pages of 256, equal pages shared. Immutable after it was filled.</summary>
internal sealed class CodePointMap
{
    private const int PageSize = 256;

    private readonly ushort[] _pageOf = new ushort[CodePoints.Count / PageSize];
    private byte[] _pages = new byte[PageSize];
    private int _pageCount = 1;

    private CodePointMap()
    {
    }

    /// <summary>The value of a code point; 0 for numbers that are none.</summary>
    public byte this[int codePoint]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            var page = (uint)codePoint >> 8;
            return page < (uint)_pageOf.Length ? _pages[_pageOf[page] << 8 | codePoint & 0xFF] : (byte)0;
        }
    }

    /// <summary>Reads a table of runs (length, value).</summary>
    public static CodePointMap FromRuns(ReadOnlySpan<byte> base64)
    {
        var values = new byte[CodePoints.Count];
        var reader = new VarintReader(VarintReader.Decode(base64));
        for (var position = 0; !reader.AtEnd;)
        {
            var length = reader.Next();
            values.AsSpan(position, length).Fill((byte)reader.Next());
            position += length;
        }

        return FromValues(values);
    }

    /// <summary>Packs one value per code point.</summary>
    public static CodePointMap FromValues(ReadOnlySpan<byte> values)
    {
        var map = new CodePointMap();
        var known = new Dictionary<ulong, List<ushort>> { [Hash(map._pages)] = [0] };
        for (var page = 0; page < map._pageOf.Length; page++)
        {
            map._pageOf[page] = map.Share(values.Slice(page * PageSize, PageSize), known);
        }

        Array.Resize(ref map._pages, map._pageCount * PageSize);
        return map;
    }

    private static ulong Hash(ReadOnlySpan<byte> page)
    {
        var hash = 14695981039346656037UL;
        foreach (var part in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(page))
        {
            hash = (hash ^ part) * 1099511628211UL;
        }

        return hash;
    }

    private ushort Share(ReadOnlySpan<byte> values, Dictionary<ulong, List<ushort>> known)
    {
        ref var pages = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(known, Hash(values), out _);
        pages ??= [];
        foreach (var page in pages)
        {
            if (_pages.AsSpan(page * PageSize, PageSize).SequenceEqual(values))
            {
                return page;
            }
        }

        if (_pages.Length == _pageCount * PageSize)
        {
            Array.Resize(ref _pages, _pages.Length * 2);
        }

        values.CopyTo(_pages.AsSpan(_pageCount * PageSize));
        pages.Add((ushort)_pageCount);
        return (ushort)_pageCount++;
    }
}

using System.Buffers.Text;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>
/// Maps every code point to a byte, in pages of 256; pages with a single value are shared. Thread-safe for reading once it is filled.
/// </summary>
internal sealed class CodePointMap
{
    private const int PageSize = 256;
    private const int NoPage = -1;

    private readonly ushort[] _pageOf = new ushort[CodePoints.Count / PageSize];
    private readonly int[] _uniformPages = new int[256];
    private byte[] _pages = new byte[PageSize * 16];
    private int _pageCount = 1;

    /// <summary>A map of zeros.</summary>
    public CodePointMap()
    {
        _uniformPages.AsSpan().Fill(NoPage);
        _uniformPages[0] = 0;
    }

    /// <summary>The value of a code point; 0 for invalid code points.</summary>
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
        var map = new CodePointMap();
        foreach (var (first, last, value) in ReadRuns(base64))
        {
            if (value != 0)
            {
                map.Add(first, last, (byte)value);
            }
        }

        return map;
    }

    /// <summary>The runs of a table, both ends inclusive.</summary>
    public static List<(int First, int Last, int Value)> ReadRuns(ReadOnlySpan<byte> base64)
    {
        var runs = new List<(int, int, int)>();
        var reader = new VarintReader(VarintReader.Decode(base64));
        for (var position = 0; !reader.AtEnd;)
        {
            var end = position + reader.Next();
            runs.Add((position, end - 1, reader.Next()));
            position = end;
        }

        return runs;
    }

    /// <summary>Adds bits to the values of a range, both ends inclusive.</summary>
    public void Add(int first, int last, byte bits)
    {
        for (var position = first; position <= last;)
        {
            var end = Math.Min(last, position | 0xFF);
            var page = position >> 8;
            if (_pageOf[page] == 0 && end - position == PageSize - 1)
            {
                _pageOf[page] = UniformPage(bits);
            }
            else
            {
                foreach (ref var value in OwnPage(page).Slice(position & 0xFF, end - position + 1))
                {
                    value |= bits;
                }
            }

            position = end + 1;
        }
    }

    /// <summary>The first code points of the blocks of 256 in which some value is not 0.</summary>
    public IEnumerable<int> UsedBlocks()
    {
        for (var page = 0; page < _pageOf.Length; page++)
        {
            if (_pageOf[page] != 0)
            {
                yield return page * PageSize;
            }
        }
    }

    /// <summary>Gets the page of a block for writing; a shared page is copied.</summary>
    private Span<byte> OwnPage(int block)
    {
        var page = _pageOf[block];
        if (page == 0 || Array.IndexOf(_uniformPages, page) >= 0)
        {
            var own = NewPage();
            _pages.AsSpan(page * PageSize, PageSize).CopyTo(_pages.AsSpan(own * PageSize));
            _pageOf[block] = page = (ushort)own;
        }

        return _pages.AsSpan(page * PageSize, PageSize);
    }

    private ushort UniformPage(byte value)
    {
        if (_uniformPages[value] == NoPage)
        {
            _uniformPages[value] = NewPage();
            _pages.AsSpan(_uniformPages[value] * PageSize, PageSize).Fill(value);
        }

        return (ushort)_uniformPages[value];
    }

    private int NewPage()
    {
        if (_pages.Length == _pageCount * PageSize)
        {
            Array.Resize(ref _pages, _pages.Length * 2);
        }

        return _pageCount++;
    }
}

/// <summary>Maps code points to one or more others (lower case, decompositions). Immutable once filled.</summary>
internal sealed class CodePointMapping
{
    private const int PageSize = 128;

    private readonly ushort[] _pageOf = new ushort[CodePoints.Count / PageSize];
    private ushort[] _entries = new ushort[PageSize * 32];
    private int _pages = 1;
    private int[] _keys = new int[1024];
    private int[] _starts = new int[1025];
    private int[] _targets = new int[2048];
    private int _count;

    /// <summary>The mapped code points, ascending.</summary>
    public ReadOnlySpan<int> Keys => _keys.AsSpan(0, _count);

    /// <summary>The mapping of <paramref name="codePoint"/>; empty if there is none.</summary>
    public ReadOnlySpan<int> this[int codePoint]
    {
        get
        {
            var page = (uint)codePoint / PageSize;
            var entry = page < (uint)_pageOf.Length ? _entries[(_pageOf[page] * PageSize) + (codePoint % PageSize)] : 0;
            return entry == 0 ? default : _targets.AsSpan(_starts[entry - 1], _starts[entry] - _starts[entry - 1]);
        }
    }

    /// <summary>Reads a table of mappings: distance to the key before, count, targets relative to the key.</summary>
    public static CodePointMapping Read(ReadOnlySpan<byte> base64)
    {
        var mapping = new CodePointMapping();
        var reader = new VarintReader(VarintReader.Decode(base64));
        Span<int> targets = stackalloc int[32];
        for (var codePoint = 0; !reader.AtEnd;)
        {
            codePoint += reader.Next();
            var count = reader.Next();
            for (var i = 0; i < count; i++)
            {
                targets[i] = codePoint + reader.NextSigned();
            }

            mapping.Add(codePoint, targets[..count]);
        }

        return mapping;
    }

    /// <summary>Adds a mapping; keys must be ascending.</summary>
    public void Add(int codePoint, ReadOnlySpan<int> targets)
    {
        var page = codePoint / PageSize;
        if (_pageOf[page] == 0)
        {
            if (_entries.Length == _pages * PageSize)
            {
                Array.Resize(ref _entries, _entries.Length * 2);
            }

            _pageOf[page] = (ushort)_pages++;
        }

        if (_count == _keys.Length)
        {
            Array.Resize(ref _keys, _count * 2);
            Array.Resize(ref _starts, (_count * 2) + 1);
        }

        var end = _starts[_count] + targets.Length;
        if (end > _targets.Length)
        {
            Array.Resize(ref _targets, Math.Max(end, _targets.Length * 2));
        }

        targets.CopyTo(_targets.AsSpan(_starts[_count]));
        _keys[_count++] = codePoint;
        _starts[_count] = end;
        _entries[(_pageOf[page] * PageSize) + (codePoint % PageSize)] = (ushort)_count;
    }
}

/// <summary>Reads the variable-length integers of a table of <see cref="UnicodeData"/> (seven bits per byte, lowest first).</summary>
internal ref struct VarintReader(ReadOnlySpan<byte> data)
{
    private ReadOnlySpan<byte> _rest = data;

    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>Decodes a base64 literal; line breaks and indentation are skipped.</summary>
    public static byte[] Decode(ReadOnlySpan<byte> base64)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(base64.Length)];
        Base64.DecodeFromUtf8(base64, bytes, out _, out var written);
        return bytes[..written];
    }

    public int Next()
    {
        var value = 0;
        for (int i = 0, shift = 0; ; i++, shift += 7)
        {
            value |= (_rest[i] & 0x7F) << shift;
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return value;
            }
        }
    }

    /// <summary>Reads a signed number: even values are positive, odd ones negative.</summary>
    public int NextSigned()
    {
        var value = Next();
        return (value & 1) == 0 ? value >> 1 : -(value >> 1) - 1;
    }
}

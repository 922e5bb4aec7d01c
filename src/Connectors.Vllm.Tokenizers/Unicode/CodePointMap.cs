using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>
/// A small number for every code point, in pages of 256; pages of one value are shared. Fill it, then only read it (from any thread).
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

    /// <summary>The page of this block alone, which may be written to.</summary>
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

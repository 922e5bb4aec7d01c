using System.Runtime.CompilerServices;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>Reads code points of UTF-8.</summary>
internal static class CodePoints
{
    /// <summary>The largest code point plus one.</summary>
    public const int Count = 0x110000;

    /// <summary>Gets the length of the character that begins with this byte of valid UTF-8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Length(byte first) => first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

    /// <summary>
    /// Reads the code point at <paramref name="index"/> of valid UTF-8, and its length in bytes (1 to 4). Invalid UTF-8 results in some code point
    /// below 0x200000, and never in a read outside <paramref name="text"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Read(ReadOnlySpan<byte> text, int index, out int length)
    {
        int first = text[index];
        if (first < 0x80)
        {
            length = 1;
            return first;
        }

        return ReadLong(text, index, first, out length);
    }

    /// <summary>Reads the code point that ends before <paramref name="index"/> (above 0), and its length.</summary>
    public static int ReadBefore(ReadOnlySpan<byte> text, int index, out int length)
    {
        var start = index - 1;
        while (start > 0 && (text[start] & 0xC0) == 0x80 && index - start < 4)
        {
            start--;
        }

        length = index - start;
        return Read(text, start, out _);
    }

    private static int ReadLong(ReadOnlySpan<byte> text, int index, int first, out int length)
    {
        if (first < 0xE0)
        {
            if (first >= 0xC0 && index + 1 < text.Length)
            {
                length = 2;
                return (first & 0x1F) << 6 | text[index + 1] & 0x3F;
            }
        }
        else if (first < 0xF0)
        {
            if (index + 2 < text.Length)
            {
                length = 3;
                return (first & 0xF) << 12 | (text[index + 1] & 0x3F) << 6 | text[index + 2] & 0x3F;
            }
        }
        else if (index + 3 < text.Length)
        {
            length = 4;
            return (first & 7) << 18 | (text[index + 1] & 0x3F) << 12 | (text[index + 2] & 0x3F) << 6 | text[index + 3] & 0x3F;
        }

        length = 1;
        return 0xFFFD;
    }
}

/// <summary>An immutable set of code points with the set algebra that regex classes need and a constant-time membership test.</summary>
internal sealed class CodePointSet
{
    /// <summary>Borders: members are the code points in [b0, b1), [b2, b3), … Strictly rising, even count.</summary>
    private readonly int[] _borders;
    private ulong[]? _pages;
    private volatile ushort[]? _pageOf;

    private CodePointSet(int[] borders)
    {
        _borders = borders;
        for (var i = 0; i < borders.Length && borders[i] < 128; i += 2)
        {
            for (var codePoint = borders[i]; codePoint < Math.Min(128, borders[i + 1]); codePoint++)
            {
                AsciiLow |= codePoint < 64 ? 1UL << codePoint : 0;
                AsciiHigh |= codePoint >= 64 ? 1UL << codePoint : 0;
            }
        }
    }

    public static CodePointSet Empty { get; } = new([]);

    public static CodePointSet All { get; } = new([0, CodePoints.Count]);

    /// <summary>Bit n: code point n is a member.</summary>
    public ulong AsciiLow { get; }

    /// <summary>Bit n: code point 64 + n is a member.</summary>
    public ulong AsciiHigh { get; }

    public bool IsEmpty => _borders.Length == 0;

    public int RangeCount => _borders.Length / 2;

    /// <summary>The members as ascending ranges, both ends inclusive.</summary>
    public IEnumerable<(int First, int Last)> Ranges
    {
        get
        {
            for (var i = 0; i < _borders.Length; i += 2)
            {
                yield return (_borders[i], _borders[i + 1] - 1);
            }
        }
    }

    public static CodePointSet Of(int codePoint) => new([codePoint, codePoint + 1]);

    /// <summary>A range, both ends inclusive.</summary>
    public static CodePointSet Range(int first, int last) => first > last ? Empty : new([first, last + 1]);

    public static CodePointSet FromRanges(IEnumerable<(int First, int Last)> ranges)
    {
        var borders = new List<int>();
        var sorted = ranges.ToArray();
        Array.Sort(sorted, static (a, b) => a.First.CompareTo(b.First));
        foreach (var (first, last) in sorted)
        {
            if (borders.Count > 0 && first <= borders[^1])
            {
                borders[^1] = Math.Max(borders[^1], last + 1);
            }
            else
            {
                borders.Add(first);
                borders.Add(last + 1);
            }
        }

        return new([.. borders]);
    }

    /// <summary>Reads a table of alternating run lengths (outside, inside, …).</summary>
    public static CodePointSet FromTable(ReadOnlySpan<byte> base64)
    {
        var borders = new List<int>();
        var reader = new VarintReader(VarintReader.Decode(base64));
        for (var position = 0; !reader.AtEnd;)
        {
            position += reader.Next();
            borders.Add(position);
        }

        return new([.. borders]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(int codePoint)
    {
        var pageOf = _pageOf ?? BuildPages();
        var page = (uint)codePoint >> 8;
        return page < (uint)pageOf.Length && (_pages![pageOf[page] * 4 + ((codePoint >> 6) & 3)] >> codePoint & 1) != 0;
    }

    /// <summary>The member of a set with one member; otherwise -1.</summary>
    public int Single => _borders.Length == 2 && _borders[1] == _borders[0] + 1 ? _borders[0] : -1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool ContainsAscii(int value) => ((value < 64 ? AsciiLow : AsciiHigh) >> value & 1) != 0;

    public CodePointSet Union(CodePointSet other) => Combine(other, 0b1110);

    public CodePointSet Intersect(CodePointSet other) => Combine(other, 0b1000);

    public CodePointSet Except(CodePointSet other) => Combine(other, 0b0010);

    public CodePointSet Negate() => All.Except(this);

    public bool Overlaps(CodePointSet other) => !Intersect(other).IsEmpty;

    /// <param name="other">The second set.</param>
    /// <param name="rule">Truth table: bit (in this set) + 2 * (in the other) says whether the code point is in the result.</param>
    private CodePointSet Combine(CodePointSet other, int rule)
    {
        int[] a = _borders, b = other._borders;
        var borders = new List<int>(a.Length + b.Length);
        int i = 0, j = 0;
        var inside = false;
        while (i < a.Length || j < b.Length)
        {
            var position = Math.Min(i < a.Length ? a[i] : int.MaxValue, j < b.Length ? b[j] : int.MaxValue);
            i += i < a.Length && a[i] == position ? 1 : 0;
            j += j < b.Length && b[j] == position ? 1 : 0;
            if ((rule >> ((i & 1) | (j & 1) << 1) & 1) != 0 != inside)
            {
                inside = !inside;
                borders.Add(position);
            }
        }

        return new([.. borders]);
    }

    /// <summary>
    /// Bit pages of 256 code points; the two constant pages are shared. Racing threads build equal pages; the index is written last.
    /// </summary>
    private ushort[] BuildPages()
    {
        var pageOf = new ushort[CodePoints.Count >> 8];
        var pages = new List<ulong> { 0, 0, 0, 0, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue };
        for (var i = 0; i < _borders.Length; i += 2)
        {
            var last = _borders[i + 1] - 1;
            for (var codePoint = _borders[i]; codePoint <= last;)
            {
                var page = codePoint >> 8;
                if ((codePoint & 0xFF) == 0 && last >= (codePoint | 0xFF))
                {
                    pageOf[page] = 1;
                    codePoint += 0x100;
                    continue;
                }

                if (pageOf[page] == 0)
                {
                    pageOf[page] = (ushort)(pages.Count / 4);
                    pages.AddRange([0, 0, 0, 0]);
                }

                var end = Math.Min(last, codePoint | 0x3F);
                pages[pageOf[page] * 4 + ((codePoint >> 6) & 3)] |= ulong.MaxValue >> (63 - (end - codePoint)) << codePoint;
                codePoint = end + 1;
            }
        }

        _pages = [.. pages];
        _pageOf = pageOf;
        return pageOf;
    }
}

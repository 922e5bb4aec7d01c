using System.Buffers;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>
/// The tables of <see cref="UnicodeNormalization"/>: full decompositions, compositions, combining classes and quick checks, in the versions of the
/// reference (decompositions of version 12, combining classes of version 9).
/// </summary>
internal static class NormalizationData
{
    public const int HangulFirst = 0xAC00;
    public const int HangulCount = 11172;
    public const int LeadFirst = 0x1100;
    public const int LeadCount = 19;
    public const int VowelFirst = 0x1161;
    public const int VowelCount = 21;
    public const int TailFirst = 0x11A7;
    public const int TailCount = 28;

    /// <summary>The flag for a combining class other than 0. The lower bits are those of <see cref="UnicodeForm"/>.</summary>
    public const int Combining = 16;

    private static readonly CodePointMapping CanonicalPairs = CodePointMapping.Read(UnicodeData.Canonical);
    private static readonly Dictionary<long, int> Compositions = ReadCompositions();
    private static readonly Lazy<CodePointMap> CompatibleFlagMap = new(MakeCompatibleFlags);
    private static readonly Lazy<CodePointMapping> CompatibleMapping = new(() => Expand(compatible: true));

    /// <summary>Full canonical decompositions, without Hangul syllables.</summary>
    public static CodePointMapping Canonical { get; } = Expand(compatible: false);

    /// <summary>Full compatibility decompositions, canonical ones included, without Hangul syllables.</summary>
    public static CodePointMapping Compatible => CompatibleMapping.Value;

    public static CodePointMap CombiningClasses { get; } = CodePointMap.FromRuns(UnicodeData.CombiningClasses);

    /// <summary>
    /// The flags of each code point: the canonical forms for which its quick check is "no" or "maybe", and <see cref="Combining"/>. 0 means inert in
    /// these forms.
    /// </summary>
    public static CodePointMap CanonicalFlags { get; } = MakeCanonicalFlags();

    /// <summary>The same for the compatibility forms.</summary>
    public static CodePointMap CompatibleFlags => CompatibleFlagMap.Value;

    /// <summary>Gets the composition of two code points, including Hangul, or -1.</summary>
    public static int Compose(int first, int second)
    {
        if ((uint)(first - LeadFirst) < LeadCount && (uint)(second - VowelFirst) < VowelCount)
        {
            return HangulFirst + ((((first - LeadFirst) * VowelCount) + (second - VowelFirst)) * TailCount);
        }

        if ((uint)(first - HangulFirst) < HangulCount && (first - HangulFirst) % TailCount == 0
            && second > TailFirst && second < TailFirst + TailCount)
        {
            return first + second - TailFirst;
        }

        return Compositions.TryGetValue(Pair(first, second), out var composed) ? composed : -1;
    }

    private static long Pair(int first, int second) => (long)first << 32 | (uint)second;

    private static Dictionary<long, int> ReadCompositions()
    {
        var excluded = CodePointSet.FromTable(UnicodeData.NotComposed);
        var compositions = new Dictionary<long, int>();
        foreach (var composed in CanonicalPairs.Keys)
        {
            if (!excluded.Contains(composed))
            {
                var parts = CanonicalPairs[composed];
                compositions.Add(Pair(parts[0], parts[1]), composed);
            }
        }

        return compositions;
    }

    private static CodePointMapping Expand(bool compatible)
    {
        var others = compatible ? CodePointMapping.Read(UnicodeData.Compatible) : new CodePointMapping();
        ReadOnlySpan<int> canonical = CanonicalPairs.Keys, compatibles = others.Keys;
        var full = new CodePointMapping();
        Span<int> parts = stackalloc int[32];
        for (int i = 0, j = 0; i < canonical.Length || j < compatibles.Length;)
        {
            // The two tables have no key in common.
            var codePoint = j == compatibles.Length || (i < canonical.Length && canonical[i] < compatibles[j]) ? canonical[i++] : compatibles[j++];
            var count = 0;
            AddParts(codePoint, others, parts, ref count);
            full.Add(codePoint, parts[..count]);
        }

        return full;
    }

    private static void AddParts(int codePoint, CodePointMapping others, Span<int> parts, ref int count)
    {
        var mapped = CanonicalPairs[codePoint];
        mapped = mapped.IsEmpty ? others[codePoint] : mapped;
        if (mapped.IsEmpty)
        {
            parts[count++] = codePoint;
        }

        foreach (var part in mapped)
        {
            AddParts(part, others, parts, ref count);
        }
    }

    private static CodePointMap MakeCanonicalFlags()
    {
        var flags = new CodePointMap();
        foreach (var codePoint in CanonicalPairs.Keys)
        {
            flags.Add(codePoint, codePoint, (int)UnicodeForm.Nfd);
        }

        AddCommon(flags, (int)UnicodeForm.Nfc, (int)UnicodeForm.Nfd);
        return flags;
    }

    private static CodePointMap MakeCompatibleFlags()
    {
        var flags = new CodePointMap();
        foreach (var codePoint in CanonicalPairs.Keys)
        {
            flags.Add(codePoint, codePoint, (int)UnicodeForm.Nfkd);
            if (!Compatible[codePoint].SequenceEqual(Canonical[codePoint]))
            {
                flags.Add(codePoint, codePoint, (int)UnicodeForm.Nfkc);
            }
        }

        foreach (var codePoint in CodePointMapping.Read(UnicodeData.Compatible).Keys)
        {
            flags.Add(codePoint, codePoint, (int)UnicodeForm.Nfkc | (int)UnicodeForm.Nfkd);
        }

        AddCommon(flags, (int)UnicodeForm.Nfkc, (int)UnicodeForm.Nfkd);
        return flags;
    }

    private static void AddCommon(CodePointMap flags, byte composed, byte decomposed)
    {
        foreach (var (first, last) in CodePointSet.FromTable(UnicodeData.NotComposed).Ranges)
        {
            flags.Add(first, last, composed);
        }

        foreach (var pair in Compositions.Keys)
        {
            flags.Add((int)pair, (int)pair, composed);
        }

        flags.Add(VowelFirst, VowelFirst + VowelCount - 1, composed);
        flags.Add(TailFirst + 1, TailFirst + TailCount - 1, composed);
        flags.Add(HangulFirst, HangulFirst + HangulCount - 1, decomposed);
        foreach (var (first, last, combiningClass) in CodePointMap.ReadRuns(UnicodeData.CombiningClasses))
        {
            if (combiningClass != 0)
            {
                flags.Add(first, last, Combining);
            }
        }
    }
}

/// <summary>
/// The code points of a run during normalization, each with its combining class in the upper bits. On the stack for ordinary runs; even a run of a
/// million combining marks takes linear time.
/// </summary>
internal ref struct NormalizationBuffer(Span<int> initial) : IDisposable
{
    private const int ClassShift = 21;
    private const int CodePointMask = (1 << ClassShift) - 1;
    private const int LongRun = 24;

    private Span<int> _items = initial;
    private int[]? _rented;
    private int _count;

    public void Clear() => _count = 0;

    public void AddDecomposed(int codePoint, CodePointMapping decompositions)
    {
        var syllable = codePoint - NormalizationData.HangulFirst;
        if ((uint)syllable < NormalizationData.HangulCount)
        {
            const int Block = NormalizationData.VowelCount * NormalizationData.TailCount;
            Add(NormalizationData.LeadFirst + (syllable / Block));
            Add(NormalizationData.VowelFirst + (syllable % Block / NormalizationData.TailCount));
            if (syllable % NormalizationData.TailCount is var tail and > 0)
            {
                Add(NormalizationData.TailFirst + tail);
            }

            return;
        }

        var parts = decompositions[codePoint];
        if (parts.IsEmpty)
        {
            Add(codePoint);
        }

        foreach (var part in parts)
        {
            Add(part);
        }
    }

    /// <summary>Canonical ordering: each run of combining marks is sorted by class, marks of one class keep their order.</summary>
    public void Order()
    {
        for (var i = 0; i < _count;)
        {
            if (_items[i] >> ClassShift == 0)
            {
                i++;
                continue;
            }

            var start = i;
            while (i < _count && _items[i] >> ClassShift != 0)
            {
                i++;
            }

            SortByClass(_items[start..i]);
        }
    }

    /// <summary>Canonical composition in place.</summary>
    public void Compose()
    {
        var starter = -1;
        var written = 0;
        var lastClass = 0;
        for (var i = 0; i < _count; i++)
        {
            var item = _items[i];
            var combiningClass = item >> ClassShift;
            if (starter >= 0 && (written == starter + 1 || (lastClass < combiningClass && lastClass != 0)))
            {
                var composed = NormalizationData.Compose(_items[starter] & CodePointMask, item & CodePointMask);
                if (composed >= 0)
                {
                    _items[starter] = composed;
                    continue;
                }
            }

            if (combiningClass == 0)
            {
                starter = written;
            }

            lastClass = combiningClass;
            _items[written++] = item;
        }

        _count = written;
    }

    /// <summary>Whether the buffer contains exactly the code points of <paramref name="text"/>.</summary>
    public readonly bool Equals(ReadOnlySpan<byte> text)
    {
        var position = 0;
        for (var i = 0; i < _count; i++)
        {
            if (position >= text.Length || CodePoints.Read(text, position, out var length) != (_items[i] & CodePointMask))
            {
                return false;
            }

            position += length;
        }

        return position == text.Length;
    }

    /// <summary>Copies the code points.</summary>
    public readonly int[] ToArray() => _items[.._count].ToArray();

    public readonly void WriteTo(Utf8Buffer output)
    {
        for (var i = 0; i < _count; i++)
        {
            output.AppendCodePoint(_items[i] & CodePointMask);
        }
    }

    public readonly void Dispose()
    {
        if (_rented is not null)
        {
            ArrayPool<int>.Shared.Return(_rented);
        }
    }

    private static void SortByClass(Span<int> marks)
    {
        if (marks.Length > LongRun)
        {
            SortLongRun(marks);
            return;
        }

        for (var i = 1; i < marks.Length; i++)
        {
            var mark = marks[i];
            var j = i;
            for (; j > 0 && marks[j - 1] >> ClassShift > mark >> ClassShift; j--)
            {
                marks[j] = marks[j - 1];
            }

            marks[j] = mark;
        }
    }

    private static void SortLongRun(Span<int> marks)
    {
        Span<int> starts = stackalloc int[257];
        starts.Clear();
        foreach (var mark in marks)
        {
            starts[(mark >> ClassShift) + 1]++;
        }

        for (var i = 1; i < starts.Length; i++)
        {
            starts[i] += starts[i - 1];
        }

        var sorted = ArrayPool<int>.Shared.Rent(marks.Length);
        foreach (var mark in marks)
        {
            sorted[starts[mark >> ClassShift]++] = mark;
        }

        sorted.AsSpan(0, marks.Length).CopyTo(marks);
        ArrayPool<int>.Shared.Return(sorted);
    }

    private void Add(int codePoint)
    {
        if (_count == _items.Length)
        {
            var larger = ArrayPool<int>.Shared.Rent(_items.Length * 2);
            _items[.._count].CopyTo(larger);
            Dispose();
            _items = _rented = larger;
        }

        _items[_count++] = NormalizationData.CombiningClasses[codePoint] << ClassShift | codePoint;
    }
}

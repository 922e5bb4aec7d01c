namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// The tables behind <see cref="UnicodeNormalization"/>: full decompositions, compositions, combining classes and the quick check, as
/// the reference has them (decompositions of version 12, combining classes of version 9).
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

    /// <summary>Bit in <see cref="Flags"/>: the combining class is not 0. The lower bits are those of <see cref="UnicodeForm"/>.</summary>
    public const int Combining = 16;

    private static readonly SortedDictionary<int, int[]> CanonicalPairs = CodePointMapping.Read(UnicodeData.Canonical);
    private static readonly Dictionary<long, int> Compositions = ReadCompositions();
    private static readonly Lazy<CodePointMapping> CompatibleMapping = new(() => Expand(compatible: true));

    /// <summary>Full canonical decompositions, without Hangul syllables.</summary>
    public static CodePointMapping Canonical { get; } = Expand(compatible: false);

    /// <summary>Full compatibility decompositions, canonical ones included, without Hangul syllables.</summary>
    public static CodePointMapping Compatible => CompatibleMapping.Value;

    public static CodePointMap CombiningClasses { get; } = CodePointMap.FromRuns(UnicodeData.CombiningClasses);

    /// <summary>
    /// For each code point, the bits of the forms in which it may not simply stay where it is (quick check is "no" or "maybe"), and
    /// <see cref="Combining"/>. 0 means inert in every form.
    /// </summary>
    public static CodePointMap Flags { get; } = MakeFlags();

    /// <summary>The composition of two code points, Hangul included, or -1.</summary>
    public static int Compose(int first, int second)
    {
        if ((uint)(first - LeadFirst) < LeadCount && (uint)(second - VowelFirst) < VowelCount)
        {
            return HangulFirst + ((((first - LeadFirst) * VowelCount) + (second - VowelFirst)) * TailCount);
        }

        if ((uint)(first - HangulFirst) < HangulCount && (first - HangulFirst) % TailCount == 0 && second > TailFirst && second < TailFirst + TailCount)
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
        foreach (var (composed, parts) in CanonicalPairs)
        {
            if (!excluded.Contains(composed))
            {
                compositions.Add(Pair(parts[0], parts[1]), composed);
            }
        }

        return compositions;
    }

    private static CodePointMapping Expand(bool compatible)
    {
        var source = new SortedDictionary<int, int[]>(CanonicalPairs);
        if (compatible)
        {
            foreach (var (codePoint, parts) in CodePointMapping.Read(UnicodeData.Compatible))
            {
                source.Add(codePoint, parts);
            }
        }

        var full = new SortedDictionary<int, int[]>();
        foreach (var codePoint in source.Keys)
        {
            var parts = new List<int>();
            AddParts(codePoint, source, parts);
            full.Add(codePoint, [.. parts]);
        }

        return CodePointMapping.From(full);
    }

    private static void AddParts(int codePoint, SortedDictionary<int, int[]> source, List<int> parts)
    {
        if (!source.TryGetValue(codePoint, out var mapped))
        {
            parts.Add(codePoint);
            return;
        }

        foreach (var part in mapped)
        {
            AddParts(part, source, parts);
        }
    }

    private static CodePointMap MakeFlags()
    {
        var flags = new byte[CodePoints.Count];
        foreach (var (codePoint, _) in CanonicalPairs)
        {
            flags[codePoint] |= (int)UnicodeForm.Nfd | (int)UnicodeForm.Nfkd;
            flags[codePoint] |= Compatible[codePoint].SequenceEqual(Canonical[codePoint]) ? (byte)0 : (byte)UnicodeForm.Nfkc;
        }

        foreach (var (codePoint, _) in CodePointMapping.Read(UnicodeData.Compatible))
        {
            flags[codePoint] |= (int)UnicodeForm.Nfkc | (int)UnicodeForm.Nfkd;
        }

        foreach (var (first, last) in CodePointSet.FromTable(UnicodeData.NotComposed).Ranges)
        {
            for (var codePoint = first; codePoint <= last; codePoint++)
            {
                flags[codePoint] |= (int)UnicodeForm.Nfc | (int)UnicodeForm.Nfkc;
            }
        }

        const byte Composed = (int)UnicodeForm.Nfc | (int)UnicodeForm.Nfkc;
        foreach (var pair in Compositions.Keys)
        {
            flags[(int)pair] |= Composed;
        }

        for (var codePoint = VowelFirst; codePoint < TailFirst + TailCount; codePoint++)
        {
            flags[codePoint] |= codePoint < VowelFirst + VowelCount || codePoint > TailFirst ? Composed : (byte)0;
        }

        flags.AsSpan(HangulFirst, HangulCount).Fill((int)UnicodeForm.Nfd | (int)UnicodeForm.Nfkd);
        for (var codePoint = 0; codePoint < CodePoints.Count; codePoint++)
        {
            flags[codePoint] |= CombiningClasses[codePoint] != 0 ? (byte)Combining : (byte)0;
        }

        return CodePointMap.FromValues(flags);
    }
}

namespace Connectors.Vllm.Tokenizers.Unicode;

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

    /// <summary>Bit in the flags: the combining class is not 0. The lower bits are those of <see cref="UnicodeForm"/>.</summary>
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
    /// For each code point, the bits of the canonical forms in which it may not simply stay where it is (quick check is "no" or "maybe"),
    /// and <see cref="Combining"/>. 0 means inert in these forms.
    /// </summary>
    public static CodePointMap CanonicalFlags { get; } = MakeCanonicalFlags();

    /// <summary>The same for the compatibility forms.</summary>
    public static CodePointMap CompatibleFlags => CompatibleFlagMap.Value;

    /// <summary>The composition of two code points, Hangul included, or -1.</summary>
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

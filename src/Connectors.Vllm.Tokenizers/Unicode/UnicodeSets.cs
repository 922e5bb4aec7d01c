using System.Globalization;

namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>
/// The character classes of the reference, each with its Unicode version, because the components of the reference use different ones; all were
/// compared over all code points. Created on first use.
/// </summary>
internal static class UnicodeSets
{
    private static readonly Lazy<CodePointMap> CategoryMap = new(() => CodePointMap.FromRuns(UnicodeData.Categories));
    private static readonly Lazy<List<(int First, int Last)>[]> CategoryRanges = new(ReadCategoryRanges);
    private static readonly Lazy<CodePointMap> OldScriptMap = new(() => CodePointMap.FromRuns(UnicodeData.OldScripts));
    private static readonly Lazy<CodePointSet> AlphabeticSet = new(() => CodePointSet.FromTable(UnicodeData.Alphabetic));
    private static readonly Lazy<CodePointSet> ClassWordSet = new(MakeWord);
    private static readonly Lazy<CodePointSet> WordSet = new(() =>
        ClassWord.Union(CodePointSet.FromRanges([(0xB2, 0xB3), (0xB9, 0xB9), (0xBC, 0xBE)])));

    private static readonly Lazy<CodePointSet> RustWordSet = new(() => ClassWord.Union(CodePointSet.Range(0x200C, 0x200D)));
    private static readonly Lazy<CodePointSet> NumericSet = new(() => CodePointSet.FromTable(UnicodeData.Numeric));
    private static readonly Lazy<CodePointSet> OldMarkSet = new(() => CodePointSet.FromTable(UnicodeData.OldMarks));
    private static readonly Lazy<CodePointSet> OldNonspacingSet = new(() => CodePointSet.FromTable(UnicodeData.OldNonspacing));
    private static readonly Lazy<CodePointSet> OldOtherSet = new(() => CodePointSet.FromTable(UnicodeData.OldOther));
    private static readonly Lazy<CodePointSet> OldPunctuationSet = new(() => CodePointSet.FromTable(UnicodeData.OldPunctuation)
        .Union(CodePointSet.FromRanges([(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)])));

    /// <summary>General categories, version 16; values are those of <see cref="UnicodeCategory"/>.</summary>
    public static CodePointMap Categories => CategoryMap.Value;

    /// <summary>Scripts of the pre-tokenizer UnicodeScripts (version 9, kana is Han); 0 counts as any script.</summary>
    public static CodePointMap OldScripts => OldScriptMap.Value;

    /// <summary>The property White_Space: <c>\s</c> of every engine in the reference.</summary>
    public static CodePointSet WhiteSpace { get; } = CodePointSet.FromRanges(
    [
        (9, 13), (32, 32), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680),
        (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
    ]);

    /// <summary>The property Alphabetic, version 16.</summary>
    public static CodePointSet Alphabetic => AlphabeticSet.Value;

    /// <summary>
    /// <c>\w</c> inside a class, and <c>[:word:]</c>, in Split and Replace patterns: alphabetic, marks, decimal digits, connector
    /// punctuation (version 16).
    /// </summary>
    public static CodePointSet ClassWord => ClassWordSet.Value;

    /// <summary>
    /// <c>\w</c> outside of classes, and what <c>\b</c> looks at, in Split and Replace patterns (Oniguruma): the superscripts and fractions
    /// of Latin-1 count too.
    /// </summary>
    public static CodePointSet Word => WordSet.Value;

    /// <summary><c>\w</c> of the pre-tokenizer Whitespace and of single_word added tokens (Rust regex).</summary>
    public static CodePointSet RustWord => RustWordSet.Value;

    /// <summary>Categories Nd, Nl and No at version 17: the pre-tokenizer Digits (Rust is_numeric).</summary>
    public static CodePointSet Numeric => NumericSet.Value;

    /// <summary>Punctuation of the pre-tokenizers Punctuation and Bert: ASCII punctuation and symbols, category P of version 8.</summary>
    public static CodePointSet OldPunctuation => OldPunctuationSet.Value;

    /// <summary>Control, format and private-use characters that BertNormalizer drops, tab and line breaks included (version 8).</summary>
    public static CodePointSet OldOther => OldOtherSet.Value;

    /// <summary>Accents that BertNormalizer drops (category Mn, version 8).</summary>
    public static CodePointSet OldNonspacing => OldNonspacingSet.Value;

    /// <summary>Marks that the normalizer StripAccents drops (category M, version 9).</summary>
    public static CodePointSet OldMarks => OldMarkSet.Value;

    /// <summary>Lower-case mappings, version 17, without context-dependent rules.</summary>
    public static CodePointMapping Lowercase => LowercaseHolder.Mapping;

    /// <summary>Gets all code points of the given general categories, version 16.</summary>
    public static CodePointSet OfCategories(params UnicodeCategory[] categories)
    {
        var ranges = CategoryRanges.Value;
        return CodePointSet.FromRanges(categories.SelectMany(category => ranges[(int)category]));
    }

    private static List<(int First, int Last)>[] ReadCategoryRanges()
    {
        var ranges = new List<(int, int)>[(int)UnicodeCategory.OtherNotAssigned + 1];
        for (var i = 0; i < ranges.Length; i++)
        {
            ranges[i] = [];
        }

        foreach (var (first, last, category) in CodePointMap.ReadRuns(UnicodeData.Categories))
        {
            ranges[category].Add((first, last));
        }

        return ranges;
    }

    /// <summary>All code points of a script, version 16: 0 is unknown, n is entry n - 1 of <see cref="UnicodeData.ScriptNames"/>.</summary>
    public static CodePointSet OfScript(int script) => CodePointSet.FromRanges(
        CodePointMap.ReadRuns(UnicodeData.Scripts).Where(run => run.Value == script).Select(run => (run.First, run.Last)));

    private static CodePointSet MakeWord() => Alphabetic.Union(OfCategories(
        UnicodeCategory.NonSpacingMark,
        UnicodeCategory.SpacingCombiningMark,
        UnicodeCategory.EnclosingMark,
        UnicodeCategory.DecimalDigitNumber,
        UnicodeCategory.ConnectorPunctuation));

    private static class LowercaseHolder
    {
        public static readonly CodePointMapping Mapping = CodePointMapping.Read(UnicodeData.Lowercase);
    }
}

/// <summary>
/// Case folding, Unicode 16. Unlike that of the runtime, it folds U+017F (long s) to s and U+212A (kelvin) to k, which affects how contractions such
/// as <c>'ſ</c> are split.
/// </summary>
internal static class CaseFolding
{
    private static readonly Dictionary<int, int[]> Groups = MakeGroups();
    private static readonly CodePointMapping LongFolds = CodePointMapping.Read(UnicodeData.LongFolds);
    private static readonly Dictionary<(int First, int Second, int Third), CodePointSet> Contractions = MakeContractions();

    /// <summary>Adds all code points that equal a member of the set when case is ignored.</summary>
    public static CodePointSet Close(CodePointSet set)
    {
        var added = new List<(int, int)>();
        foreach (var (codePoint, group) in Groups)
        {
            if (set.Contains(codePoint))
            {
                added.AddRange(group.Select(other => (other, other)));
            }
        }

        return added.Count == 0 ? set : set.Union(CodePointSet.FromRanges(added));
    }

    /// <summary>The code points that fold to several.</summary>
    public static ReadOnlySpan<int> Expandable => LongFolds.Keys;

    /// <summary>Gets the folding of a code point that folds to several (ß to ss); empty for all others.</summary>
    public static ReadOnlySpan<int> Expand(int codePoint) => LongFolds[codePoint];

    /// <summary>Gets the code points that fold to the same text as these two or three; null if there are none.</summary>
    public static CodePointSet? Contract(ReadOnlySpan<int> codePoints) => Contractions.GetValueOrDefault(Key(codePoints));

    private static Dictionary<(int First, int Second, int Third), CodePointSet> MakeContractions()
    {
        var contractions = new Dictionary<(int, int, int), CodePointSet>();
        foreach (var codePoint in LongFolds.Keys)
        {
            var key = Key(LongFolds[codePoint]);
            contractions[key] = contractions.GetValueOrDefault(key, CodePointSet.Empty).Union(CodePointSet.Of(codePoint));
        }

        return contractions;
    }

    private static (int First, int Second, int Third) Key(ReadOnlySpan<int> codePoints) =>
        (Leader(codePoints[0]), Leader(codePoints[1]), codePoints.Length > 2 ? Leader(codePoints[2]) : 0);

    private static int Leader(int codePoint) => Groups.TryGetValue(codePoint, out var group) ? group[0] : codePoint;

    private static Dictionary<int, int[]> MakeGroups()
    {
        var byLeader = new Dictionary<int, List<int>>();
        var folds = CodePointMapping.Read(UnicodeData.Folds);
        foreach (var codePoint in folds.Keys)
        {
            var leader = folds[codePoint][0];
            if (!byLeader.TryGetValue(leader, out var members))
            {
                byLeader.Add(leader, members = [leader]);
            }

            members.Add(codePoint);
        }

        var groups = new Dictionary<int, int[]>();
        foreach (var members in byLeader.Values)
        {
            int[] group = [.. members];
            foreach (var member in group)
            {
                groups.Add(member, group);
            }
        }

        return groups;
    }
}

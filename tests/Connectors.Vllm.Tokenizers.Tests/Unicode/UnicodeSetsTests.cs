using System.Globalization;
using System.Text.Json;

namespace Connectors.Vllm.Tokenizers.Tests.Unicode;

public sealed class UnicodeSetsTests
{
    /// <summary>Classes of the reference's regex engine, by the names of the dump.</summary>
    public static TheoryData<string> DumpedClasses =>
        ["s", "L", "N", "P", "S_", "M", "Lu", "Ll", "Lt", "Lm", "Lo", "w", "d", "Nd", "Han", "Z", "alpha"];

    [Theory]
    [MemberData(nameof(DumpedClasses))]
    public void Class_EveryCodePoint_EqualsRegexEngineOfReference(string name)
    {
        using var dump = JsonDocument.Parse(File.ReadAllBytes(TestPaths.RequireCorpus("unicode/onig_classes.json")));
        var expected = dump.RootElement.GetProperty(name).EnumerateArray().Select(range => (range[0].GetInt32(), range[1].GetInt32()));
        Assert.Equal(expected, Find(name).Ranges);
    }

    [Fact]
    public void Contains_EveryCodePoint_AgreesWithRanges()
    {
        var set = UnicodeSets.Word;
        var members = set.Ranges.SelectMany(range => Enumerable.Range(range.First, range.Last - range.First + 1)).ToHashSet();
        Assert.DoesNotContain(Enumerable.Range(0, 0x110000), codePoint => members.Contains(codePoint) != set.Contains(codePoint));
        Assert.False(set.Contains(0x110000));
        Assert.False(set.Contains(-1));
    }

    [Theory]
    [InlineData(0x41, "61")]
    [InlineData(0x130, "69 307")]
    [InlineData(0x3A3, "3c3")]
    [InlineData(0x1E9E, "df")]
    [InlineData(0x10400, "10428")]
    [InlineData(0x61, "")]
    public void Lowercase_KnownCodePoint_ExpectedMapping(int codePoint, string expected)
    {
        var mapped = UnicodeSets.Lowercase[codePoint].ToArray();
        Assert.Equal(expected, string.Join(' ', mapped.Select(target => target.ToString("x", CultureInfo.InvariantCulture))));
    }

    [Fact]
    public void Combine_OverlappingSets_MembersOfAlgebra()
    {
        var a = CodePointSet.FromRanges([(10, 20), (21, 30), (50, 60)]);
        var b = CodePointSet.FromRanges([(25, 55)]);
        Assert.Equal([(10, 30), (50, 60)], a.Ranges);
        Assert.Equal([(10, 60)], a.Union(b).Ranges);
        Assert.Equal([(25, 30), (50, 55)], a.Intersect(b).Ranges);
        Assert.Equal([(10, 24), (56, 60)], a.Except(b).Ranges);
        Assert.Equal([(0, 9), (31, 49), (61, 0x10FFFF)], a.Negate().Ranges);
    }

    private static CodePointSet Find(string name) => name switch
    {
        "s" => UnicodeSets.WhiteSpace,
        "w" => UnicodeSets.Word,
        "alpha" => UnicodeSets.Alphabetic,
        "Han" => UnicodeSets.OfScript(1 + Array.IndexOf(Names, "Han")),
        "d" or "Nd" => UnicodeSets.OfCategories(UnicodeCategory.DecimalDigitNumber),
        "Lu" => UnicodeSets.OfCategories(UnicodeCategory.UppercaseLetter),
        "Ll" => UnicodeSets.OfCategories(UnicodeCategory.LowercaseLetter),
        "Lt" => UnicodeSets.OfCategories(UnicodeCategory.TitlecaseLetter),
        "Lm" => UnicodeSets.OfCategories(UnicodeCategory.ModifierLetter),
        "Lo" => UnicodeSets.OfCategories(UnicodeCategory.OtherLetter),
        "L" => Find("Lu").Union(Find("Ll")).Union(Find("Lt")).Union(Find("Lm")).Union(Find("Lo")),
        "N" => UnicodeSets.OfCategories(UnicodeCategory.DecimalDigitNumber, UnicodeCategory.LetterNumber, UnicodeCategory.OtherNumber),
        "P" => UnicodeSets.OfCategories(
            UnicodeCategory.ConnectorPunctuation, UnicodeCategory.DashPunctuation, UnicodeCategory.OpenPunctuation, UnicodeCategory.ClosePunctuation,
            UnicodeCategory.InitialQuotePunctuation, UnicodeCategory.FinalQuotePunctuation, UnicodeCategory.OtherPunctuation),
        "S_" => UnicodeSets.OfCategories(
            UnicodeCategory.MathSymbol, UnicodeCategory.CurrencySymbol, UnicodeCategory.ModifierSymbol, UnicodeCategory.OtherSymbol),
        "M" => UnicodeSets.OfCategories(UnicodeCategory.NonSpacingMark, UnicodeCategory.SpacingCombiningMark, UnicodeCategory.EnclosingMark),
        "Z" => UnicodeSets.OfCategories(UnicodeCategory.SpaceSeparator, UnicodeCategory.LineSeparator, UnicodeCategory.ParagraphSeparator),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    private static string[] Names { get; } = UnicodeData.ScriptNames.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
}

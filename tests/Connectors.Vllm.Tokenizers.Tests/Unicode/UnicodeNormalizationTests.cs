using System.Globalization;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Tokenizers.Tests.Unicode;

public sealed class UnicodeNormalizationTests
{
    [Theory]
    [InlineData("nfc")]
    [InlineData("nfd")]
    [InlineData("nfkc")]
    [InlineData("nfkd")]
    public void TryNormalize_EveryCodePoint_EqualsReference(string form)
    {
        using var dump = ReferenceDump();
        var expected = dump.RootElement.GetProperty(form).EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!);
        var differences = new List<string>();
        // Planes 4 to 13 are unassigned throughout.
        foreach (var codePoint in Enumerable.Range(0, 0x40000).Concat(Enumerable.Range(0xE0000, 0x30000)))
        {
            if (codePoint is >= 0xD800 and < 0xE000 or >= NormalizationData.HangulFirst and < NormalizationData.HangulFirst
                + NormalizationData.HangulCount)
            {
                continue;
            }

            var key = codePoint.ToString("x", CultureInfo.InvariantCulture);
            var wanted = expected.GetValueOrDefault(key, key);
            if (Hex(Normalize(Of(form), char.ConvertFromUtf32(codePoint))) is var actual && actual != wanted)
            {
                differences.Add($"{key}: {actual} instead of {wanted}");
            }
        }

        Assert.Empty(differences);
    }

    [Fact]
    public void TryNormalize_MarkBetweenMarks_OrderedAsReference()
    {
        using var dump = ReferenceDump();
        var differences = new List<string>();
        foreach (var entry in dump.RootElement.GetProperty("ord").EnumerateObject())
        {
            var text = "a\u0301" + char.ConvertFromUtf32(int.Parse(entry.Name, NumberStyles.HexNumber, CultureInfo.InvariantCulture)) + "\u0323";
            if (Hex(Normalize(UnicodeNormalization.Nfd, text)) is var actual && actual != entry.Value.GetString())
            {
                differences.Add($"{entry.Name}: {actual} instead of {entry.Value}");
            }
        }

        Assert.Empty(differences);
    }

    [Fact]
    public void TryNormalize_DecomposedByNewestUnicode_RecomposedAsReference()
    {
        using var dump = ReferenceDump();
        var differences = new List<string>();
        foreach (var entry in dump.RootElement.GetProperty("recomp").EnumerateObject())
        {
            var decomposed = Normalize(
                UnicodeNormalization.Nfd, char.ConvertFromUtf32(int.Parse(entry.Name, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            var expected = entry.Value.GetString()!;
            if (Hex(Normalize(UnicodeNormalization.Nfc, decomposed)) is var actual && actual != expected && expected.Split(' ').Length == 1)
            {
                differences.Add($"{entry.Name}: {actual} instead of {expected}");
            }
        }

        Assert.Empty(differences);
    }

    [Theory]
    [InlineData("nfc", "e\u0301", "\u00E9")]
    [InlineData("nfc", "\u212B", "\u00C5")]
    [InlineData("nfc", "\u1100\u1161\u11A8", "\uAC01")]
    [InlineData("nfc", "\u1100\u1161\u11A7", "\uAC00\u11A7")]
    [InlineData("nfc", "a\u0323\u0302", "\u1EAD")]
    [InlineData("nfc", "a\u0302\u0323", "\u1EAD")]
    [InlineData("nfd", "\uAC01", "\u1100\u1161\u11A8")]
    [InlineData("nfkc", "\uFB01\u1E9B", "fi\u1E61")]
    [InlineData("nfkd", "\u32FF", "\u32FF")]
    [InlineData("nfc", "\u0301x", "\u0301x")]
    public void TryNormalize_KnownText_ExpectedForm(string form, string text, string expected) =>
        Assert.Equal(expected, Normalize(Of(form), text));

    [Theory]
    [InlineData("")]
    [InlineData("plain ASCII")]
    [InlineData("déjà vu — 漢字かな交じり文 Привет 😀")]
    public void TryNormalize_AlreadyNormal_SaysSoAndWritesNothing(string text)
    {
        var output = new Utf8Buffer();
        Assert.False(UnicodeNormalization.Nfc.TryNormalize(Encoding.UTF8.GetBytes(text), output));
        Assert.Equal(0, output.Length);
    }

    [Fact]
    public void TryNormalize_HundredThousandMarks_LinearAndOrdered()
    {
        var text = "a" + string.Concat(Enumerable.Repeat("\u0301\u0323", 100_000));
        var expected = "\u1EA1" + new string('\u0323', 99_999) + new string('\u0301', 100_000);
        Assert.Equal(expected, Normalize(UnicodeNormalization.Nfc, text));
    }

    [Fact]
    public void TryNormalize_AnyText_IdempotentAndConsistent()
    {
        var interesting = Gen.Elements<int>(
            0x61, 0x20, 0xE9, 0x301, 0x323, 0x302, 0x327, 0x3B1, 0x345, 0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0x958, 0x93C, 0x9C7, 0x9BE, 0x3042,
            0x3099, 0x4E00, 0xFB01, 0x1E9B, 0x212B, 0x1D15E, 0x110B9, 0x110BA, 0x1F600);
        var any = Gen.Choose(0, 0x2FFFF).Where(codePoint => codePoint is < 0xD800 or >= 0xE000);
        var texts = Gen.OneOf(interesting, interesting, any).ListOf().Select(list => string.Concat(list.Select(char.ConvertFromUtf32)));
        Prop.ForAll(texts.ToArbitrary(), text =>
        {
            foreach (var form in new[] { UnicodeNormalization.Nfc, UnicodeNormalization.Nfd, UnicodeNormalization.Nfkc, UnicodeNormalization.Nfkd })
            {
                var once = Normalize(form, text);
                if (Normalize(form, once) != once)
                {
                    return false;
                }
            }

            return Normalize(UnicodeNormalization.Nfc, Normalize(UnicodeNormalization.Nfd, text)) == Normalize(UnicodeNormalization.Nfc, text)
                && Normalize(UnicodeNormalization.Nfd, Normalize(UnicodeNormalization.Nfc, text)) == Normalize(UnicodeNormalization.Nfd, text)
                && Normalize(UnicodeNormalization.Nfkd, Normalize(UnicodeNormalization.Nfc, text)) == Normalize(UnicodeNormalization.Nfkd, text);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    private static UnicodeNormalization Of(string form) => form switch
    {
        "nfc" => UnicodeNormalization.Nfc,
        "nfd" => UnicodeNormalization.Nfd,
        "nfkc" => UnicodeNormalization.Nfkc,
        _ => UnicodeNormalization.Nfkd,
    };

    private static JsonDocument ReferenceDump() =>
        JsonDocument.Parse(File.ReadAllBytes(TestPaths.RequireCorpus("unicode/normalization-unicode12.json")));

    private static string Normalize(UnicodeNormalization form, string text)
    {
        var output = new Utf8Buffer();
        return form.TryNormalize(Encoding.UTF8.GetBytes(text), output) ? Encoding.UTF8.GetString(output.Written) : text;
    }

    private static string Hex(string text) =>
        string.Join(' ', text.EnumerateRunes().Select(rune => rune.Value.ToString("x", CultureInfo.InvariantCulture)));
}

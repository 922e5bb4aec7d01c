using System.Text;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Loading;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>The pattern matcher against the reference's engine: real patterns, single features, and generated patterns.</summary>
public sealed class RegexOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    public static TheoryData<string> Patterns { get; } =
    [
        // Families in use.
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{L"
            + @"t}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| "
            + @"?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'"
            + @"d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d"
            + @")?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+",
        @"[\p{P}\$\+<=>\^~\|`]+", @"[0-9][0-9][0-9]", " ?[^(\\s|.,!?…。，、।۔،)]+",
        @"\d{1,3}(?=(?:\d{3})*\b)", @"(?=(\d{3})+(?!\d))", @"\p{N}+", @"\s*[\r\n]", @"[^\n]+|[\n]+", @"(?:\r?\n)+|\w+", @"[^\S\r\n]+",
        @"(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})", @"<\|[a-z_]*\|>", @"\p{Hiragana}+|\p{Katakana}+|\p{Thai}+|\p{Hangul}+",

        // Single features.
        @"a*?b", @"a+?", @"(?:ab)+", @"(a|ab)(c|bcd)?", @"(?>a*)b", @"a{2}", @"a{2,}", @"a{,2}", @"a{1,2}?", @"a{2}?", @"a{1,2}+", @"a{x}",
        @"{", @"a{,}",
        @"(?i)hello|WORLD", @"a(?i)b|c", @"(?i:K|ſ)", @"(?i:straße|K|ſ)", @"(?i:ss)+", @"(?i:ß)", @"(?i:[ß])", @"(?i:[^ß])+", @"(?i:s+)",
        @"(?i:s{2})", @"(?i:s)s", @"(?i:fi)", @"(?i:ffi)", @"(?i:ﬃ)", @"(?i:sss)", @"(?i:ass|s)", @"(?i:st)", @"(?i:ﬅ)", @"(?i:İ)", @"(?i:ΐ)",
        @"(?i:[à-ÿ])+", @"(?i:[k-t])+", @"(?-i:a)B", @"(?m:.)+", @".+", @"(?x: a b # comment
            c )", @"(?#comment)a",
        @"^.", @".$", @"\A.", @".\z", @".\Z", @"\b", @"\B", @"\bthe\b", @"(?!a)\w", @"(?<!a)\w", @"(?<=ab|c)\w", @"(?<!ab|c)\w", @"(?<=a*)b",
        @"(?<!\s\w+)\d", @"[\p{Word}]+", @"\p{Alnum}+", @"\p{Punct}+", @"\p{Space}+", @"(?=a)", @"(?!$)",
        @"[[:alpha:]]+", @"[[:^alpha:]]+", @"[[:punct:]]+", @"[[:digit:][:space:]]+", @"[[:upper:]]", @"[[:lower:]]+", @"[[:alnum:]]+",
        @"[[:word:]]+", @"[[:cntrl:]]",
        @"[[:graph:]]+", @"[[:print:]]+", @"[[:xdigit:]]+", @"[[:blank:]]+", @"[[:ascii:]]+",
        @"[a-c&&b-d]", @"[^a-c&&b-d]", @"[a-z&&[^aeiou]&&[^xyz]]+", @"[]a]+", @"[a-]", @"[-a]", @"[a\-z]", @"[\]\[]", @"[\w]+", @"[^\w]+", @"\W+",
        @"\p{Word}+", @"[\w-]+", @"[\S]+", @"[\D]+", @"[a[bc]d]+", @"[^[a-z]]+", @"[a&]",
        @"\p{^L}+", @"\P{L}+", @"\p{Letter}+", @"\p{Uppercase_Letter}", @"\p{Alphabetic}+", @"\p{White_Space}+", @"\p{Cn}", @"\p{Co}", @"\p{C}",
        @"\p{Any}", @"\p{Latin}+", @"\p{Greek}+",
        @"\h+", @"\H+", @"\R", @"\N+", @"\O", @"\x41", @"\x{4F60}", @"\u4f60", @"\t|\n|\r|\f|\v|\a|\e", @"\101", @"\/\-\.", @"\0",
        @"()", @"(|a)+", @"(?:a|b|)+?\b|(?:ab|c)a", @"(?:a|b|)*?c", @"(?:a|b|)+c", @"(?:|a)+?c", @"(?:a|b|)+?(?!a)(?=b)",
        @"(a|ab){0,}(?:a|b|)*(?:a|b|)+?\d*?(?:ab|c)*?|[ab][ab]{0,} ", @"b(?>a+)*[ab]", @"(a*)*", @"(a*)+b", @"(?:a?)*?b", @"(?:a|b|ab)*c", @"x*",
        @"(?<name>a)b", @"(?'name'a)b", @"\s+$", @"a||b", @"(?:)", @"a**", @"a+*", @"a?+", @"\G.", @"[\s\S]", @"[^\s\S]|a",
    ];

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Find_HardStrings_SamePiecesAsReference(string pattern)
    {
        var json = Split(pattern);
        using var tokenizer = new SyntheticTokenizer(preTokenizer: json);
        oracle.Load(tokenizer.Path);
        var preTokenizer = PreTokenizerFactory.Create(SyntheticTokenizer.Component(json), rawBytes: false);
        var texts = new HardStrings(409).Take(HardStrings.Share(4)).Concat(Words).Where(text => text.Length > 0).ToList();
        Differences.AssertNone(texts, oracle.Pieces(texts), text => Stage.Pieces(preTokenizer, text), pieces => string.Join(" | ", pieces));
    }

    [Theory]
    [InlineData("(")]
    [InlineData(")")]
    [InlineData("(?")]
    [InlineData("(?<a")]
    [InlineData("(?=a)*")]
    [InlineData("(?<!a)+")]
    [InlineData("*")]
    [InlineData("a|*")]
    [InlineData("[")]
    [InlineData("[]")]
    [InlineData("[^]")]
    [InlineData("[a")]
    [InlineData("[b-a]")]
    [InlineData(@"[\d-x]")]
    [InlineData(@"[a-\d]")]
    [InlineData("[[:foo:]")]
    [InlineData(@"\p{Foo}")]
    [InlineData(@"\p{L")]
    [InlineData("\\")]
    [InlineData("(?z)a")]
    [InlineData("(?z:a)")]
    [InlineData("a{100001}")]
    public void Compile_Malformed_RefusedAsByReference(string pattern)
    {
        var json = Split(pattern);
        using var tokenizer = new SyntheticTokenizer(preTokenizer: json);
        Assert.Throws<InvalidOperationException>(() => oracle.Load(tokenizer.Path));
        var exception = Assert.Throws<TokenizerException>(() => PreTokenizerFactory.Create(SyntheticTokenizer.Component(json), rawBytes: false));
        Assert.Contains(pattern, exception.Message, StringComparison.Ordinal);
        Assert.Equal("$.pattern", exception.Place);
    }

    [Fact]
    public void Find_GeneratedPatterns_SamePiecesAsReference()
    {
        var random = new Random(410);
        var texts = Words.Concat(Enumerable.Range(0, 30).Select(_ => RandomWord(random))).ToList();
        var problems = new List<string>();
        var reference = new TokenizerOracle();
        for (var i = 0; i < HardStrings.Count / 4; i++)
        {
            var pattern = RandomPattern(random, 3);
            var json = Split(pattern);
            using var tokenizer = new SyntheticTokenizer(preTokenizer: json);
            string[][] expected;
            try
            {
                reference.Load(tokenizer.Path);
                expected = reference.Pieces(texts);
            }
            catch (InvalidOperationException exception)
            {
                // Some patterns are refused; a few take the whole reference process down.
                if (exception.Message.Contains("process ended", StringComparison.Ordinal))
                {
                    reference.Dispose();
                    reference = new TokenizerOracle();
                }

                continue;
            }

            var preTokenizer = PreTokenizerFactory.Create(SyntheticTokenizer.Component(json), rawBytes: false);
            for (var t = 0; t < texts.Count; t++)
            {
                string[] actual;
                try
                {
                    actual = Stage.Pieces(preTokenizer, texts[t]);
                }
                catch (TokenizerException exception) when (exception.Message.Contains("too many steps", StringComparison.Ordinal))
                {
                    // Patterns that explode: the engines count their steps differently.
                    continue;
                }

                if (!actual.SequenceEqual(expected[t]))
                {
                    problems.Add($"/{pattern}/ on {texts[t]}: {string.Join('|', actual)} instead of {string.Join('|', expected[t])}");
                    break;
                }
            }
        }

        reference.Dispose();
        Assert.True(
            problems.Count == 0, $"{problems.Count} patterns differ:\n{string.Join('\n', problems.OrderBy(problem => problem.Length).Take(12))}");
    }

    private static string Split(string pattern) =>
        $$$"""{"type":"Split","pattern":{"Regex":{{{SyntheticTokenizer.Quote(pattern)}}}},"behavior":"Isolated","invert":false}""";

    private static IEnumerable<string> Words =>
    [
        "a", "b", "ab", "aab", "aaab", "abab", "abcd", "ba", "cab", "xaby", "aaaaaaab", "hello HELLO wOrLd", "a{x}{,}", "1234567", "12 345 6",
        "a1b22c333", "foo_bar-baz",
        "line1\nline2\r\nline3\n", "\n", "\n\n", "the theater, the", "Straße STRASSE straſse K k \u212A", "ss ß ẞ ſs SS sß ßs sss ßß aß as 'ß",
        "ﬁ FI fi ﬃ fﬁ ﬀi ffi FFI ﬆ ﬅ st ſt", "İ i̇ i ΐ ΐ ΐ à ß ÿ ss", "]a[-z", "a&b&&c", "\t\n\r\f\v\a\u001B", "\0" + "7", "A 你好",
    ];

    private static string RandomWord(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => "aaabbc1 \nä你"[random.Next(11)]));

    private static string RandomPattern(Random random, int depth)
    {
        var pattern = new StringBuilder();
        var parts = random.Next(1, 4);
        for (var i = 0; i < parts; i++)
        {
            pattern.Append(RandomAtom(random, depth));
            pattern.Append(
                random.Next(12) switch { 0 => "*", 1 => "+", 2 => "?", 3 => "*?", 4 => "+?", 5 => "{1,2}", 6 => "*+", 7 => "??", _ => string.Empty });
        }

        return pattern.ToString();
    }

    private static string RandomAtom(Random random, int depth)
    {
        string[] simple = ["a", "b", "c", "1", " ", ".", @"\w", @"\s", @"\d", @"\p{L}", "[ab]", "[^a]", "[a-c&&[^b]]", "^", "$", @"\b", "你",
            "(?:a|b|)", "(?:|a)", @"\S", "(?i:A)", @"\n"];
        if (depth == 0 || random.Next(3) > 0)
        {
            return simple[random.Next(simple.Length)];
        }

        string Inner() => RandomPattern(random, depth - 1);
        return random.Next(8) switch
        {
            0 => $"({Inner()})",
            1 => $"(?:{Inner()}|{Inner()})",
            2 => $"(?={Inner()})",
            3 => $"(?!{Inner()})",
            4 => $"(?>{Inner()})",
            5 => $"(?:{Inner()}|{Inner()}|{Inner()})",
            6 => $"(?<={simple[random.Next(11)]})",
            _ => $"(?<!{simple[random.Next(11)]})",
        };
    }
}

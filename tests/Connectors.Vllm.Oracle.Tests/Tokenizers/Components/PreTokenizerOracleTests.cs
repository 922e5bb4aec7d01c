using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Loading;
using Connectors.Vllm.Tokenizers.PreTokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>Every pre-tokenizer against the reference's preTokenizeString, in its general form (without scanners).</summary>
public sealed class PreTokenizerOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    public static TheoryData<string> PreTokenizers { get; } = MakePreTokenizers();

    [Theory]
    [MemberData(nameof(PreTokenizers))]
    public void PreTokenize_HardStrings_EqualReference(string json) => Compare(json, HardStrings.Count);

    [Theory]
    [InlineData("Whitespace")]
    [InlineData("Punctuation")]
    [InlineData("UnicodeScripts")]
    [InlineData("BertPreTokenizer")]
    [InlineData("WhitespaceSplit")]
    public void PreTokenize_EveryCodePoint_EqualsReference(string type)
    {
        var json = $$"""{"type":"{{type}}"{{(type == "Punctuation" ? ",\"behavior\":\"Isolated\"" : string.Empty)}}}""";
        using var tokenizer = new SyntheticTokenizer(preTokenizer: json);
        oracle.Load(tokenizer.Path);
        var preTokenizer = PreTokenizerFactory.Create(SyntheticTokenizer.Component(json), rawBytes: false);
        var texts = Stage.AllCodePoints("a", "漢");
        Differences.AssertNone(texts, oracle.Pieces(texts), text => Stage.Pieces(preTokenizer, text), Show);
    }

    private void Compare(string json, int count)
    {
        using var tokenizer = new SyntheticTokenizer(preTokenizer: json);
        oracle.Load(tokenizer.Path);
        var preTokenizer = PreTokenizerFactory.Create(SyntheticTokenizer.Component(json), rawBytes: false);
        var texts = new HardStrings(408).Take(count).Where(text => text.Length > 0).ToList();
        Differences.AssertNone(texts, oracle.Pieces(texts), text => Stage.Pieces(preTokenizer, text), Show);
    }

    private static string Show(string[] pieces) => string.Join(" | ", pieces);

    private static TheoryData<string> MakePreTokenizers()
    {
        var all = new TheoryData<string>
        {
            """{"type":"Whitespace"}""",
            """{"type":"WhitespaceSplit"}""",
            """{"type":"BertPreTokenizer"}""",
            """{"type":"UnicodeScripts"}""",
            """{"type":"FixedLength","length":5}""",
            """{"type":"FixedLength","length":1}""",
            """{"type":"Digits","individual_digits":true}""",
            """{"type":"Digits","individual_digits":false}""",
            """{"type":"CharDelimiterSplit","delimiter":"e"}""",
            """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""",
            """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""",
            """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}""",
            """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""",
            """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}""",
            """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}""",
            """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":false}""",
            """{"type":"Metaspace","replacement":"_","add_prefix_space":true}""",
            """{"type":"Metaspace","replacement":"▁","str_rep":"▁","add_prefix_space":false,"prepend_scheme":"never"}""",
            """{"type":"Sequence","pretokenizers":[]}""",
            """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","add_prefix_space":true}]}""",
            """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}]}""",
            """{"type":"Sequence","pretokenizers":[{"type":"Punctuation","behavior":"Contiguous"},{"type":"ByteLevel","add_prefix_space":false,"t"""
                + """rim_offsets":true,"use_regex":true},{"type":"Digits","individual_digits":false},{"type":"Split","pattern":{"Regex":"[0-9][0-"""
                + """9][0-9]"},"behavior":"Isolated","invert":false}]}""",
            """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated","invert":false},{"typ"""
                + """e":"Split","pattern":{"Regex":"[一-龥぀-ゟ゠-ヿ]+"},"behavior":"Isolated","invert":false},{"type":"Split","pattern":{"Regex":"\\s+"""
                + """(?!\\S)|\\s+"},"behavior":"Isolated","invert":false}]}""",
        };
        foreach (var behavior in new[] { "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous" })
        {
            all.Add($$"""{"type":"Punctuation","behavior":"{{behavior}}"}""");
            foreach (var invert in new[] { "false", "true" })
            {
                all.Add($$$"""{"type":"Split","pattern":{"String":" "},"behavior":"{{{behavior}}}","invert":{{{invert}}}}""");
                all.Add($$$"""{"type":"Split","pattern":{"Regex":"\\p{L}|\\d+"},"behavior":"{{{behavior}}}","invert":{{{invert}}}}""");
                all.Add($$$"""{"type":"Split","pattern":{"Regex":"(?=(\\d{3})+(?!\\d))|(?<=[A-Z])"},"behavior":"{{{behavior}}}","invert":{{{invert}}}}""");
            }
        }

        return all;
    }
}

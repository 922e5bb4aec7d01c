using System.Text;
using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>A small byte-level BPE vocabulary behind the ways of cutting and normalizing that published files use before it.</summary>
public sealed class ByteLevelChainOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private const string Mapping = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""";
    private static readonly string Model = MakeModel();

    private const string Gpt2 = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""";

    public static TheoryData<string, string> Chains { get; } = new()
    {
        { "null", """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}""" },
        { "null", Mapping },
        { """{"type":"NFKC"}""", Gpt2 },
        { "null",
            Sequence("""{"type":"Punctuation","behavior":"Contiguous"}""", Gpt2, """{"type":"Digits","individual_digits":false}""",
                Split("[0-9][0-9][0-9]", "Isolated", invert: false)) },
        { "null", Sequence("""{"type":"Digits","individual_digits":true}""", Gpt2) },
        { "null",
            Sequence("""{"type":"Digits","individual_digits":false}""",
                """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""") },
        { "null", Sequence(Split(@"\p{L}+|\p{N}", "Removed", invert: true), Mapping) },
        { "null", Sequence(Split(@"(?i:'s|'t)|\p{L}++|\p{N}{1,3}+|[^\p{L}\p{N}]", "MergedWithPrevious", invert: false), Mapping) },
        { "null", Sequence(Split(" ?[^(\\s|.,!?…。，、।۔،)]+", "Isolated", invert: false), Mapping) },
        { "null",
            Sequence(
                Split("[\r\n]", "Isolated", invert: false), Split(@"\s?\p{L}+", "Isolated", invert: false),
                Split(@"\s?\p{P}+", "Isolated", invert: false), Split("[一-龥ࠀ-一가-퟿]+", "Isolated", invert: false),
                """{"type":"Digits","individual_digits":true}""", Mapping) },
        { """{"type":"ByteLevel"}""", Split("Ġ[a-z]+", "Isolated", invert: false) },
        { """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]}""",
            Sequence(Split(@"'s|'t|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "Removed", invert: true),
                """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}""") },
        { "null", Sequence("""{"type":"WhitespaceSplit"}""", Gpt2) },
        { "null", Sequence("""{"type":"UnicodeScripts"}""", Mapping) },
        { "null", Sequence("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}""", Mapping) },
    };

    [Theory]
    [MemberData(nameof(Chains))]
    public void Encode_HardStrings_EqualReference(string normalizer, string preTokenizer)
    {
        using var synthetic = new SyntheticTokenizer(
            normalizer, preTokenizer, Model, """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""",
            addedTokens: """[{"id":5000,"content":"<mask>","single_word":false,"lstrip":true,"rstrip":false,"normalized":false,"special":tru"""
                + """e},{"id":5001,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":true}]""");
        oracle.Load(synthetic.Path);
        var tokenizer = synthetic.Load();
        var texts = new HardStrings(421, ["<mask>", "<s>"]).Take(HardStrings.Share(2)).Concat(NaturalText.All.Take(22)).ToList();
        Differences.AssertNone(texts, oracle.Encode(texts), text => tokenizer.Encode(text), ids => string.Join(',', ids));
    }

    /// <summary>All bytes, and merges for the words and characters that hard strings are full of.</summary>
    private static string MakeModel()
    {
        var tokens = Enumerable.Range(0, 256).Select(value => ByteAlphabet.ToChar((byte)value).ToString()).ToList();
        var merges = new List<string>();
        foreach (var word in new[] { " the", "The", " hello", "World", "function", "'s", "'re", "  ", "    ", "\r\n", "\n\n", "你", "好", "の", "한", "é",
            " é", "123", "😀", " (", "://", "ab", " ab", "\u0301" })
        {
            var symbols = Encoding.UTF8.GetBytes(word).Select(value => ByteAlphabet.ToChar(value).ToString()).ToList();
            while (symbols.Count > 1)
            {
                merges.Add($"{symbols[0]} {symbols[1]}");
                symbols[1] = symbols[0] + symbols[1];
                symbols.RemoveAt(0);
                tokens.Add(symbols[0]);
            }
        }

        var vocabulary = string.Join(',', tokens.Distinct().Select((token, id) => $"{SyntheticTokenizer.Quote(token)}:{id}"));
        return $$"""{"type":"BPE","vocab":{ {{vocabulary}} },"merges":[{{string.Join(',', merges.Distinct().Select(SyntheticTokenizer.Quote))}}]}""";
    }

    private static string Sequence(params string[] parts) => $$"""{"type":"Sequence","pretokenizers":[{{string.Join(',', parts)}}]}""";

    private static string Split(string pattern, string behavior, bool invert) =>
        $$$"""{"type":"Split","pattern":{"Regex":{{{SyntheticTokenizer.Quote(pattern)}}}},"behavior":"{{{behavior}}}","invert":{{{(invert ? "true" : "false")}}}}""";
}

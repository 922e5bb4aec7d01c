using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>One real byte-level BPE vocabulary behind every way of cutting and normalizing that published files use before it.</summary>
public sealed class ByteLevelChainOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private const string Mapping = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""";
    private const string Gpt2 = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""";

    public static TheoryData<string, string> Chains { get; } = new()
    {
        { "null", """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}""" },
        { "null", Mapping },
        { """{"type":"NFKC"}""", Gpt2 },
        { "null", Sequence("""{"type":"Punctuation","behavior":"Contiguous"}""", Gpt2, """{"type":"Digits","individual_digits":false}""", Split("[0-9][0-9][0-9]", "Isolated", invert: false)) },
        { "null", Sequence("""{"type":"Digits","individual_digits":true}""", Gpt2) },
        { "null", Sequence("""{"type":"Digits","individual_digits":false}""", """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""") },
        { "null", Sequence(Split(@"\p{L}+|\p{N}", "Removed", invert: true), Mapping) },
        { "null", Sequence(Split(@"(?i:'s|'t)|\p{L}++|\p{N}{1,3}+|[^\p{L}\p{N}]", "MergedWithPrevious", invert: false), Mapping) },
        { "null", Sequence(Split(" ?[^(\\s|.,!?…。，、।۔،)]+", "Isolated", invert: false), Mapping) },
        { "null", Sequence(Split("[\r\n]", "Isolated", invert: false), Split(@"\s?\p{L}+", "Isolated", invert: false), Split(@"\s?\p{P}+", "Isolated", invert: false), Split("[一-龥ࠀ-一가-퟿]+", "Isolated", invert: false), """{"type":"Digits","individual_digits":true}""", Mapping) },
        { """{"type":"ByteLevel"}""", Split("Ġ[a-z]+", "Isolated", invert: false) },
        { """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]}""", Sequence(Split(@"'s|'t|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "Removed", invert: true), """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}""") },
        { "null", Sequence("""{"type":"WhitespaceSplit"}""", Gpt2) },
        { "null", Sequence("""{"type":"UnicodeScripts"}""", Mapping) },
        { "null", Sequence("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}""", Mapping) },
    };

    [Theory]
    [MemberData(nameof(Chains))]
    public void Encode_HardStrings_EqualReference(string normalizer, string preTokenizer)
    {
        var json = JsonNode.Parse(File.ReadAllBytes(Path.Combine(TestPaths.RequireCorpus("tokenizers/roberta-base"), "tokenizer.json")))!.AsObject();
        json["normalizer"] = JsonNode.Parse(normalizer);
        json["pre_tokenizer"] = JsonNode.Parse(preTokenizer);
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, json.ToJsonString(), new UTF8Encoding(false));
            oracle.Load(path);
        }
        finally
        {
            File.Delete(path);
        }

        var tokenizer = Tokenizer.FromJson(JsonSerializer.SerializeToUtf8Bytes(json));
        var texts = new HardStrings(421, ["<mask>", "<s>"]).Take(HardStrings.Count / 4).Concat(NaturalText.All.Take(22)).ToList();
        Differences.AssertNone(texts, oracle.Encode(texts), text => tokenizer.Encode(text), ids => string.Join(',', ids));
    }

    private static string Sequence(params string[] parts) => $$"""{"type":"Sequence","pretokenizers":[{{string.Join(',', parts)}}]}""";

    private static string Split(string pattern, string behavior, bool invert) =>
        $$$"""{"type":"Split","pattern":{"Regex":{{{SyntheticTokenizer.Quote(pattern)}}}},"behavior":"{{{behavior}}}","invert":{{{(invert ? "true" : "false")}}}}""";
}

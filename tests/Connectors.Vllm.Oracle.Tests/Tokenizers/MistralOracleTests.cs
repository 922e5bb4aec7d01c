using System.Text.Json.Nodes;
using Connectors.Vllm.Oracle.Tests.Tokenizers.Components;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>
/// A genuine tekken (Mistral Nemo's) against three independent witnesses: npm tiktoken on the same ranks, the tokenizer.json that was made
/// of the same vocabulary, and the ids that mistral-common gives for whole prompts (from the extra corpus).
/// </summary>
public sealed class MistralOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private const int Controls = 1000;

    /// <summary>Ranks in use: the file has more than the model's vocabulary.</summary>
    private const int Used = 131072 - Controls;

    private static readonly Lazy<VllmTokenizer> Tekken = new(() => VllmTokenizer.FromDirectory(MistralTokenizers.Folder("v3-tekken")));

    [Fact]
    public void Encode_Tekken_EqualsTiktokenWithShiftedIds()
    {
        var file = Path.Combine(MistralTokenizers.Folder("v3-tekken"), "tekken.json");
        var json = JsonNode.Parse(File.ReadAllText(file))!;
        var ranks = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(ranks, json["vocab"]!.AsArray().Where(entry => (int)entry!["rank"]! < Used)
                .Select(entry => $"{entry!["token_bytes"]} {entry["rank"]}"));
            oracle.LoadTiktoken(ranks, (string)json["config"]!["pattern"]!, new Dictionary<string, int>());
        }
        finally
        {
            File.Delete(ranks);
        }

        var texts = Ordinary(new HardStrings(418).Take(HardStrings.Count).Concat(NaturalText.All));
        var expected = oracle.EncodeTiktoken(texts).Select(ids => ids.Select(id => id + Controls).ToArray()).ToList();
        Differences.AssertNone(texts, expected, text => Tekken.Value.EncodeOrdinary(text), ids => string.Join(',', ids));

        // tiktoken knows ranks only: control tokens have no text there.
        var keys = Enumerable.Range(0, expected.Count).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToList();
        var decoded = oracle.DecodeTiktoken(expected.Select(ids => ids.Select(id => id - Controls).ToArray()));
        Differences.AssertNone(
            keys, decoded, key => Tekken.Value.Decode(expected[int.Parse(key, System.Globalization.CultureInfo.InvariantCulture)]), text => text);
    }

    /// <summary>The converted file and the genuine one: same pattern, same vocabulary, other ways to the same ids.</summary>
    [Fact]
    public void Encode_TekkenAndTokenizerJson_SameIds()
    {
        var converted = VllmTokenizer.FromDirectory(TestPaths.NpmTokenizer("mistral_nemo"));
        var texts = Ordinary(new HardStrings(419).Take(HardStrings.Count).Concat(NaturalText.All));
        Differences.AssertNone(texts, texts.Select(text => converted.EncodeOrdinary(text)).ToList(), text => Tekken.Value.EncodeOrdinary(text),
            ids => string.Join(',', ids));
        foreach (var token in new[] { "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
            "[/TOOL_RESULTS]", "[TOOL_CALLS]" })
        {
            Assert.Equal(converted.TokenToId(token), Tekken.Value.TokenToId(token));
        }
    }

    [Theory]
    [InlineData("v3-tekken", 60)]
    [InlineData("v3-spm", 40)]
    [InlineData("v7-spm", 43)]
    public void Encode_SegmentsOfPrompts_EqualMistralCommon(string name, int atLeast)
    {
        var cases = File.ReadLines(TestPaths.RequireCorpus("renderers/mistral.jsonl")).Select(line => JsonNode.Parse(line)!)
            .Where(item => (string?)item["tokenizer"] == name && item["ids"] is not null).ToList();
        var tokenizer = VllmTokenizer.FromDirectory(MistralTokenizers.Folder(name));
        Assert.True(cases.Count >= atLeast, $"only {cases.Count} cases");
        foreach (var item in cases)
        {
            var ids = new List<int>();
            foreach (var segment in item["segments"]!.AsArray())
            {
                var text = (string)segment![1]!;
                if ((string)segment[0]! == "c")
                {
                    ids.Add(tokenizer.TokenToId(text) ?? -1);
                }
                else
                {
                    ids.AddRange(tokenizer.EncodeOrdinary(text));
                }
            }

            Assert.True(ids.SequenceEqual(item["ids"]!.AsArray().Select(id => (int)id!)), $"{item["case"]}: {string.Join(',', ids)}");
        }
    }

    /// <summary>Well-formed strings: tiktoken is handed UTF-8.</summary>
    private static List<string> Ordinary(IEnumerable<string> texts) =>
        [.. texts.Select(text => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text)))];
}

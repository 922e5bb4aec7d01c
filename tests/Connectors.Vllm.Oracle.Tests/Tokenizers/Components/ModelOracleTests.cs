using System.Globalization;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>Unigram, WordPiece and WordLevel against the reference, with small vocabularies that make everything happen.</summary>
public sealed class ModelOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private const string Metaspace = """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""";

    public static TheoryData<string, string> Models { get; } = new()
    {
        { Unigram(seed: 1, unknown: 0, byteFallback: false), Metaspace },
        { Unigram(seed: 2, unknown: 2, byteFallback: false), "null" },
        { Unigram(seed: 3, unknown: 0, byteFallback: true), Metaspace },
        { Unigram(seed: 4, unknown: 0, byteFallback: true),
            """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","add_prefix_space":true}]}""" },
        { WordPiece("##", 100), """{"type":"BertPreTokenizer"}""" },
        { WordPiece("##", 5), """{"type":"Whitespace"}""" },
        { WordPiece("", 100), """{"type":"WhitespaceSplit"}""" },
        { WordPiece("@@", 1000), "null" },
        { """{"type":"WordLevel","vocab":{"<unk>":0,"a":1,"the":2,"hello":3,"你":4,"'":5,"1":6,"World":7},"unk_token":"<unk>"}""",
            """{"type":"Whitespace"}""" },
        // Without a type: the shape tells.
        { WordPiece("##", 100).Replace("\"type\":\"WordPiece\",", string.Empty, StringComparison.Ordinal), """{"type":"BertPreTokenizer"}""" },
        { """{"vocab":{"<unk>":0,"a":1,"the":2},"unk_token":"<unk>"}""", """{"type":"WhitespaceSplit"}""" },
        { Unigram(seed: 5, unknown: 0, byteFallback: false).Replace("\"type\":\"Unigram\",", string.Empty, StringComparison.Ordinal), Metaspace },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Encode_HardStrings_EqualReference(string model, string preTokenizer)
    {
        using var synthetic = new SyntheticTokenizer(preTokenizer: preTokenizer, model: model);
        oracle.Load(synthetic.Path);
        var tokenizer = synthetic.Load();
        var texts = new HardStrings(411).Take(HardStrings.Share(2)).Concat(Words()).ToList();
        Differences.AssertNone(texts, oracle.Encode(texts), text => tokenizer.Encode(text), ids => string.Join(',', ids));
    }

    [Theory]
    [InlineData("""{"type":"WordLevel","vocab":{"a":0},"unk_token":"[UNK]"}""")]
    [InlineData("""{"type":"WordPiece","vocab":{"a":0},"unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100}""")]
    [InlineData("""{"type":"Unigram","vocab":[["a",-1.0]],"unk_id":null}""")]
    public void Encode_UnknownWithoutUnknownToken_RefusedAsByReference(string model)
    {
        using var synthetic = new SyntheticTokenizer(model: model);
        oracle.Load(synthetic.Path);
        Assert.Throws<InvalidOperationException>(() => oracle.Encode(["b"]));
        var tokenizer = synthetic.Load();
        Assert.Throws<Vllm.Tokenizers.TokenizerException>(() => tokenizer.Encode("b"));
        Assert.Equal([0], tokenizer.Encode("a"));
    }

    private static IEnumerable<string> Words()
    {
        var random = new Random(412);
        for (var i = 0; i < 1000; i++)
        {
            yield return string.Concat(Enumerable.Range(0, random.Next(1, 40)).Select(_ => "aaabbbccde  é你"[random.Next(14)]));
        }
    }

    private static string Unigram(int seed, int unknown, bool byteFallback)
    {
        var random = new Random(seed);
        var tokens = new List<string> { "<unk>", "<s>", "<x>" };
        if (byteFallback)
        {
            tokens.AddRange(Enumerable.Range(0, 256).Where(value => seed != 4 || value != 0xC3).Select(value => $"<0x{value:X2}>"));
        }

        tokens.AddRange(["▁", "a", "b", "c", "e", "▁the", "▁a", "é", "你", "你好", "th", "he", " ", "  ", "'s", "▁▁"]);
        var known = tokens.ToHashSet();
        while (tokens.Count < 400)
        {
            var token = string.Concat(Enumerable.Range(0, random.Next(1, 5)).Select(_ => "aabbcé▁e"[random.Next(8)]));
            if (known.Add(token))
            {
                tokens.Add(token);
            }
        }

        // Few different scores, so that ties happen.
        var entries = tokens.Select(
            token => $"[{SyntheticTokenizer.Quote(token)},{(-random.Next(1, 24) / 4.0).ToString("0.0##", CultureInfo.InvariantCulture)}]");
        return $$"""{"type":"Unigram","unk_id":{{unknown}},"vocab":[{{string.Join(',', entries)}}],"byte_fallbac"""
            + $$"""k":{{(byteFallback ? "true" : "false")}}}""";
    }

    private static string WordPiece(string prefix, int maxCharacters)
    {
        var random = new Random(7);
        var tokens = new List<string>
            { "[UNK]", "a", "b", "c", "é", "你", "the", prefix + "a", prefix + "b", prefix + "e", prefix + "é", prefix + "s", "'", ".", "hello", "wor",
                prefix + "ld" };
        while (tokens.Count < 200)
        {
            tokens.Add((random.Next(2) == 0 ? prefix : string.Empty)
                + string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => "aabbcd你"[random.Next(7)])));
        }

        var entries = tokens.Distinct().Select((token, id) => $"{SyntheticTokenizer.Quote(token)}:{id}");
        return $$"""{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"{{prefix}}","max_input_chars_per_wor"""
            + $$"""d":{{maxCharacters}},"vocab":{ {{string.Join(',', entries)}} } }""";
    }
}

using Connectors.Vllm.Tokenizers;
using Connectors.Vllm.Tokenizers.Loading;
using Connectors.Vllm.Tokenizers.Normalizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers.Components;

/// <summary>The Precompiled normalizer, alone and in a tokenizer built like T5's, against the reference.</summary>
public sealed class PrecompiledOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private static readonly string Charsmap = CharsmapBuilder.Build(new Dictionary<string, string>
    {
        ["\t"] = " ",
        ["\n"] = " ",
        ["\r"] = " ",
        ["\u00A0"] = " ",
        ["\u3000"] = " ",
        ["\u200B"] = " ",
        ["\u00AD"] = string.Empty,
        ["\u0001"] = string.Empty,
        ["ﬁ"] = "fi",
        ["Å"] = "Å",
        ["A\u030A"] = "Å",
        ["e\u0301"] = "é",
        ["é"] = "é",
        ["e"] = "e",
        ["你"] = "您",
        ["１"] = "1",
        ["ａ"] = "a",
        ["a\u0308"] = "ä",
        ["न"] = "N",
        ["\U0001F600"] = ":)",
        ["x"] = "ks",
        ["\u1100\u1161"] = "가",
        ["\u0E33"] = "\u0E4D\u0E32",
        ["~"] = "∼",
        ["½"] = "1/2",
    });

    private static readonly string Normalizer = $$"""{"type":"Precompiled","precompiled_charsmap":"{{Charsmap}}"}""";

    [Fact]
    public void TryNormalize_HardStrings_EqualReference()
    {
        using var synthetic = new SyntheticTokenizer(normalizer: Normalizer);
        oracle.Load(synthetic.Path);
        var normalizer = NormalizerFactory.Create(SyntheticTokenizer.Component(Normalizer));
        var texts = new HardStrings(417).Take(HardStrings.Count).Concat(Clusters()).ToList();
        Differences.AssertNone(texts, oracle.Normalize(texts), text => Stage.Normalize(normalizer, text), text => text);
    }

    [Fact]
    public void EncodeAndDecode_TokenizerLikeT5_EqualReference()
    {
        const string Metaspace = """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""";
        var words = new[] { "<pad>", "</s>", "<unk>", "▁", "▁the", "the", "▁a", "a", "b", "c", "d", "e", "h", "l", "o", "s", "t", "'", "1", "▁hello",
            "World", "é", "您", "fi", ".", "," };
        var vocabulary = string.Join(',', words.Select((word, i) => $"[{SyntheticTokenizer.Quote(word)},{-i}.25]"));
        using var synthetic = new SyntheticTokenizer(
            normalizer: $$"""{"type":"Sequence","normalizers":[{{Normalizer}},{"type":"Strip","strip_left":true,"strip_right":true},{"type":"Repl"""
                + $$"""ace","pattern":{"Regex":" {2,}"},"content":"▁"}]}""",
            preTokenizer: $$"""{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{{Metaspace}}]}""",
            model: $$"""{"type":"Unigram","unk_id":2,"vocab":[{{vocabulary}}],"byte_fallback":false}""",
            decoder: Metaspace,
            postProcessor: """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":"""
                + """0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],"special_tokens":{"</s>":{"id":"</s"""
                + """>","ids":[1],"tokens":["</s>"]}}}""",
            addedTokens: """[{"id":0,"content":"<pad>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},{"i"""
                + """d":1,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]""");
        oracle.Load(synthetic.Path);
        var tokenizer = synthetic.Load();
        var texts = new HardStrings(418, ["<pad>", "</s>"]).Take(HardStrings.Count).ToList();
        var expected = oracle.Encode(texts, special: true);
        Differences.AssertNone(texts, expected, text => tokenizer.Encode(text, addSpecialTokens: true), ids => string.Join(',', ids));
        Assert.Equal(oracle.Decode(expected, skip: true), expected.Select(ids => tokenizer.Decode(ids, skipSpecialTokens: true)));
    }

    [Theory]
    [InlineData("first")]
    [InlineData("always")]
    public void Encode_MetaspaceBehindStripping_EqualReference(string scheme)
    {
        // Characters dropped on the left move the text away from offset 0, where "first" adds its marker.
        foreach (var normalizer in new[]
        {
            """{"type":"Strip","strip_left":true,"strip_right":false}""", """{"type":"StripAccents"}""", """{"type":"Nmt"}""",
            """{"type":"Replace","pattern":{"String":"a"},"content":""}""", """{"type":"Replace","pattern":{"Regex":"\\s"},"content":""}""",
            """{"type":"Replace","pattern":{"String":"a"},"content":"b"}""", """{"type":"Lowercase"}""", """{"type":"NFD"}""",
            """{"type":"Prepend","prepend":"x"}""",
            """{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}""",
            """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Strip","strip_left":true,"strip_right":true}]}""", Normalizer,
        })
        {
            using var synthetic = new SyntheticTokenizer(
                normalizer: normalizer,
                preTokenizer: $$"""{"type":"Metaspace","replacement":"▁","prepend_scheme":"{{scheme}}","split":true}""",
                model: """{"type":"BPE","vocab":{"<unk>":0,"▁":1,"a":2,"b":3,"<s>":4,"x":5,"你":6,"é":7},"merges":[],"unk_token":"<unk>"}""",
                addedTokens: """[{"id":4,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]""");
            oracle.Load(synthetic.Path);
            var tokenizer = synthetic.Load();
            var random = new Random(419);
            var texts = Enumerable.Range(0, 300)
                .Select(_ =>
                    string.Concat(Enumerable.Range(0, random.Next(1, 7))
                        .Select(_ => new[] { " ", "a", "b", "\u0301", "<s>", "\u0001", "你", "\n", "▁", "é" }[random.Next(10)]))).ToList();
            Differences.AssertNone(texts, oracle.Encode(texts), text => tokenizer.Encode(text), ids => normalizer + string.Join(',', ids));
        }
    }

    private static IEnumerable<string> Clusters()
    {
        var random = new Random(420);
        string[] parts = ["e", "\u0301", "a\u0308", "\u00AD", "x", "न", "\u094D", "त", "\u200D", "\u1100", "\u1161", "\U0001F600", "\u0E33", "\u0E01",
            "\r", "\n", "\u0600", "🇩", "🇪", "\u0903", "\u0001", "A\u030A", "é"];
        for (var i = 0; i < 2000; i++)
        {
            yield return string.Concat(Enumerable.Range(0, random.Next(1, 8)).Select(_ => parts[random.Next(parts.Length)]));
        }
    }
}

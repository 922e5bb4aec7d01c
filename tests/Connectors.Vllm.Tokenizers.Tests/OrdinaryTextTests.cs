using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>Control tokens are not recognised in message content; everything else stays as it is.</summary>
public sealed class OrdinaryTextTests
{
    private static readonly VllmTokenizer Chat = TinyTokenizer.Load(TinyTokenizer.ByteLevel(
        [("<", "|"), ("|", ">"), ("h", "i"), (" ", "hi")],
        TinyTokenizer.Added(300, "<|end|>"),
        TinyTokenizer.Added(301, "<|end|>more"),
        TinyTokenizer.Added(302, "<image>", special: false),
        TinyTokenizer.Added(303, "<User>", special: true, normalized: true)));

    private static int Id(string token) => Chat.TokenToId(token)!.Value;

    [Fact]
    public void Encode_TokenInOrdinaryText_BecomesPlainText()
    {
        var ids = Chat.Encode("x<|end|>", [Range.All]);

        Assert.DoesNotContain(Id("<|end|>"), ids);
        Assert.Equal("x<|end|>", Chat.Decode(ids));
    }

    [Fact]
    public void Encode_TokenOutsideRange_IsRecognised()
    {
        var ids = Chat.Encode("<|end|>hi<|end|>", [7..9]);

        Assert.Equal([Id("<|end|>"), Id("hi"), Id("<|end|>")], ids);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 4)]
    [InlineData(6, 7)]
    public void Encode_TokenPartlyOrdinary_IsNotRecognised(int start, int end) =>
        Assert.DoesNotContain(Id("<|end|>"), Chat.Encode("<|end|>", [start..end]));

    [Fact]
    public void Encode_LongerTokenBlocked_ShorterOneOutsideIsFound()
    {
        // "<|end|>" ends where the content begins; only the longer token would reach into it.
        var ids = Chat.Encode("<|end|>more", [7..11]);

        Assert.Equal(Id("<|end|>"), ids[0]);
        Assert.Equal("<|end|>more", Chat.Decode(ids));
    }

    [Fact]
    public void Encode_MarkerWithoutSpecialFlagInOrdinaryText_IsTextUnlessAllowed()
    {
        Assert.Equal([Id("<image>")], Chat.Encode("<image>"));
        Assert.DoesNotContain(Id("<image>"), Chat.Encode("<image>", [Range.All]));
        Assert.Equal([Id("<image>")], Chat.Encode("<image>", [Range.All], [Id("<image>")]));
        Assert.True(Chat.IsControlToken(Id("<image>")));
        Assert.False(Chat.IsControlToken(Id("hi")));
    }

    [Fact]
    public void Encode_AddedTokenThatIsTextToItsModel_IsRecognisedInOrdinaryText()
    {
        string[] texts = ["\n\n\n", "\t\t", "   ", "▁▁", "🫨", "----", "<table>", "</table>", "</td>"];
        string[] controls = ["<think>", "<tool_call>", "<|fim_prefix|>", "[multimodal]", "<mask>", "<unused7>", "<s>", "<img>", "‹｜fim▁hole｜>"];
        var tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(
            null, [.. texts.Concat(controls).Select((content, i) => TinyTokenizer.Added(300 + i, content, special: false))]));

        Assert.All(texts, text => Assert.Equal([tokenizer.TokenToId(text)!.Value], tokenizer.Encode(text, [Range.All])));
        Assert.All(controls, text =>
        {
            Assert.Equal([tokenizer.TokenToId(text)!.Value], tokenizer.Encode(text));
            Assert.DoesNotContain(tokenizer.TokenToId(text)!.Value, tokenizer.EncodeOrdinary(text));
            Assert.Equal(text, tokenizer.Decode(tokenizer.EncodeOrdinary(text)));
        });
    }

    [Fact]
    public void Encode_HtmlTagsWithoutTables_AreControlTokens()
    {
        var tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(null, TinyTokenizer.Added(300, "<code>", special: false)));

        Assert.DoesNotContain(300, tokenizer.Encode("<code>", [Range.All]));
    }

    [Theory]
    [InlineData("""{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["<s>",-1],["<",-2],["s",-2],[">",-2],["x",-2],[" ",-2],["s>",-1.5]]}""")]
    [InlineData("""{"type":"BPE","ignore_merges":true,"merges":[],"vocab":{"<unk>":0,"<s>":1,"<":2,"s":3,">":4,"x":5," ":6},"unk_token":"<unk>"}""")]
    [InlineData("""{"type":"BPE","merges":["< s","<s >"],"vocab":{"<unk>":0,"<s>":1,"<":2,"s":3,">":4,"x":5," ":6,"<s":7},"unk_token":"<unk>"}""")]
    [InlineData(
        """{"type":"WordPiece","unk_token":"<unk>","continuing_subword_prefix":"","vocab":{"<unk>":0,"<s>":1,"<":2,"s":3,">":4,"x":5," ":6}}""")]
    public void Encode_ModelThatMakesTheControlToken_MakesTextInOrdinaryText(string model)
    {
        // The token's text is a word of the vocabulary, so the model itself would give its id where the matcher is kept away.
        var json = $$"""{"version":"1.0","added_tokens":[{"id":1,"content":"<s>","special":true}],"decoder":{"type":"Fuse"},"model":{{model}}}""";
        var tokenizer = VllmTokenizer.FromJson(System.Text.Encoding.UTF8.GetBytes(json));
        foreach (var text in new[] { "<s>", "x<s>", "<s><s>x<s>", string.Concat(Enumerable.Repeat("<s>x", 20)) })
        {
            Assert.Contains(1, tokenizer.Encode(text));
            var ids = tokenizer.Encode(text, [Range.All]);
            Assert.DoesNotContain(1, ids);
            Assert.DoesNotContain(0, ids);
            Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void Encode_WordThatIsAControlToken_IsTextInOrdinaryText()
    {
        const string Json = """
            {"version":"1.0","added_tokens":[{"id":1,"content":"STOP","special":true}],"pre_tokenizer":{"type":"WhitespaceSplit"},
             "model":{"type":"WordLevel","unk_token":"<unk>","vocab":{"<unk>":0,"STOP":1,"go":2,"S":3,"TOP":4}}}
            """;
        var tokenizer = VllmTokenizer.FromJson(System.Text.Encoding.UTF8.GetBytes(Json));

        Assert.Equal([2, 1, 2], tokenizer.Encode("go STOP go"));
        Assert.Equal([2, 3, 4, 2], tokenizer.Encode("go STOP go", [Range.All]));
    }

    [Fact]
    public void Encode_NormalizedTokenInOrdinaryText_IsNotRecognised()
    {
        Assert.Equal([Id("<User>")], Chat.Encode("<User>"));
        Assert.DoesNotContain(Id("<User>"), Chat.Encode("<User>", [Range.All]));
    }

    [Fact]
    public void Encode_NormalizedTextWithRanges_RangesMoveAlong()
    {
        var llama = TinyTokenizer.Load(TinyTokenizer.ByteFallback(
            "abcdefghijklmnopqrstuvwxyz<>|", [], TinyTokenizer.Added(900, "<|end|>", normalized: true)));
        var end = llama.TokenToId("<|end|>")!.Value;

        // The normalizer puts a marker before every segment, so the token's own form is "▁<|end|>": found at a segment's start or behind a blank.
        const string Text = "a b <|end|> c <|end|>";
        Assert.Equal(2, llama.Encode(Text).Count(id => id == end));
        var ids = llama.Encode(Text, [14..21]);
        Assert.Equal(1, ids.Count(id => id == end));
        Assert.Equal(end, llama.Encode(Text, [0..3])[^1]);
        Assert.Equal(0, llama.Encode(Text, [Range.All]).Count(id => id == end));
    }

    [Fact]
    public void Encode_ThousandsOfRangesInNormalizedText_IsExactAndLinear()
    {
        var llama = TinyTokenizer.Load(TinyTokenizer.ByteFallback(
            "abcdefghijklmnopqrstuvwxyz<>|", [], TinyTokenizer.Added(900, "<|end|>", normalized: true)));
        var end = llama.TokenToId("<|end|>")!.Value;
        var text = string.Concat(Enumerable.Repeat("a <|end|> b <|end|> c ", 20_000));
        var ranges = Enumerable.Range(0, 20_000).Select(i => new Range((i * 22) + 10, (i * 22) + 21)).ToArray();

        // Quadratic work would be beyond what a text may cost, and throw.
        Assert.Equal(20_000, llama.Encode(text, ranges).Count(id => id == end));
    }

    [Fact]
    public void Encode_MergeAcrossRangeBorder_HappensAsInAnyText()
    {
        Assert.Equal(Chat.Encode("x hi"), Chat.Encode("x hi", [3..4]));
        Assert.Contains(Id("Ġhi"), Chat.Encode("x hi", [3..4]));
    }

    [Fact]
    public void Encode_RangeCutsSurrogatePair_TextStaysWhole() => Assert.Equal(Chat.Encode("a😀b"), Chat.Encode("a😀b", [2..3]));

    [Fact]
    public void Encode_RangeOutsideText_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => Chat.Encode("abc", [1..9]));

    [Fact]
    public void EncodeOrdinary_ControlTokens_AreText() =>
        Assert.Equal("<|end|>", Chat.Decode(Chat.EncodeOrdinary("<|end|>"), skipSpecialTokens: true));

    [Fact]
    public void Encode_RandomRanges_KeepTextAndForbidControlTokens()
    {
        var parts = Gen.Elements("<|end|>", "<|end|>more", "<|", "end|>", "<User>", "hi", " ", "é", "😀", "<image>", "more");
        var prompts = Gen.Zip(Gen.ListOf(parts).Select(list => string.Concat(list)), Gen.ListOf(Gen.Choose(0, 60)));
        Prop.ForAll(prompts.ToArbitrary(), prompt =>
        {
            var (text, numbers) = prompt;
            var ranges = numbers.Chunk(2).Where(pair => pair.Length == 2)
                .Select(pair => (Math.Min(pair[0], text.Length), Math.Min(pair[1], text.Length)))
                .Select(pair => new Range(Math.Min(pair.Item1, pair.Item2), Math.Max(pair.Item1, pair.Item2))).ToArray();
            var ids = Chat.Encode(text, ranges);
            Assert.Equal(text, Chat.Decode(ids));
            var decoded = Chat.DecodeWithStarts(ids);
            for (var i = 0; i < ids.Length; i++)
            {
                if (Chat.IsSpecialToken(ids[i]))
                {
                    var end = i + 1 < ids.Length ? decoded.Starts[i + 1] : text.Length;
                    Assert.DoesNotContain(
                        ranges, range => range.Start.Value < end && range.End.Value > decoded.Starts[i] && range.Start.Value < range.End.Value);
                }
            }
        }).QuickCheckThrowOnFailure();
    }
}

using System.Text;

namespace Connectors.Vllm.Tokenizers.Tests.Files;

public sealed class RankFileTests
{
    private static readonly string Ranks =
        string.Join('\n', Enumerable.Range(0, 256).Select(value => $"{Convert.ToBase64String([(byte)value])} {value}"))
        + $"\n{Convert.ToBase64String("ab"u8)} 256\n\n{Convert.ToBase64String("abc"u8)} 300\r\n";

    private const string Config =
        """{"added_tokens_decoder":{"302":{"content":"<|tool|>","special":false},"301":{"content":"<|end|>","special":true}}}""";

    [Fact]
    public void FromFiles_Tiktoken_RanksAreIdsAndReservedFillTheRest()
    {
        var tokenizer =
            VllmTokenizer.FromFiles(
                Files(("tiktoken.model", Ranks), ("tokenizer_config.json", Config),
                    ("config.json", """{"text_config":{"vocab_size":305},"model_type":"kimi_k2"}""")));
        Assert.Equal([300, 301, 302, 303, 256], tokenizer.Encode("abc<|end|><|tool|><|reserved_token_303|>ab"));
        Assert.Equal("abc<|tool|>", tokenizer.Decode([300, 301, 302, 303], skipSpecialTokens: true));
        Assert.Equal("<|reserved_token_304|>", tokenizer.IdToToken(304));
        Assert.Null(tokenizer.IdToToken(305));
        Assert.Null(tokenizer.IdToToken(270));
    }

    [Fact]
    public void FromFiles_TiktokenWithoutConfig_Reserves256()
    {
        var tokenizer = VllmTokenizer.FromFiles(Files(("x.tiktoken", Ranks)));
        Assert.Equal("<|reserved_token_301|>", tokenizer.IdToToken(301));
        Assert.Equal("<|reserved_token_556|>", tokenizer.IdToToken(556));
        Assert.Null(tokenizer.IdToToken(557));
    }

    [Fact]
    public void FromFiles_Qwen1_KnowsItsControlTokens()
    {
        var tokenizer = VllmTokenizer.FromFiles(Files(("qwen.tiktoken", Ranks)));
        Assert.Equal([301, 302, 303, 508], tokenizer.Encode("<|endoftext|><|im_start|><|im_end|><|extra_204|>"));
    }

    [Theory]
    [InlineData("IQ==", "line 1")]
    [InlineData("IQ== 0\n??? 1", "line 2")]
    [InlineData("IQ== 0\nIg== x", "line 2")]
    [InlineData("IQ== -1", "line 1")]
    [InlineData("IQ== 0 0", "line 1")]
    [InlineData("", null)]
    public void FromFiles_MalformedTiktoken_NamesLine(string file, string? place)
    {
        var exception = Assert.Throws<TokenizerException>(() => VllmTokenizer.FromFiles(Files(("tiktoken.model", file))));
        Assert.Equal(place, exception.Place);
        Assert.Equal("tiktoken.model", exception.File);
    }

    [Fact]
    public void FromFiles_Tekken_IdsLieBehindControlTokens()
    {
        var tokenizer =
            VllmTokenizer.FromFiles(
                Files(("tekken.json",
                    Tekken("""[{"rank":0,"token_str":"<unk>","is_control":true},{"rank":1,"token_str":"<s>","is_control":true},{"rank":2,"token_s"""
                        + """tr":"[X]","is_control":false}]"""))));
        Assert.Equal([1, 5 + 256, 2], tokenizer.Encode("ab[X]", addSpecialTokens: true));
        Assert.Equal("ab[X]", tokenizer.Decode([1, 261, 2], skipSpecialTokens: true));
        Assert.Equal("<SPECIAL_4>", tokenizer.IdToToken(4));

        // "abc" has rank 257 and lies behind the vocabulary's end.
        Assert.Equal([261, 5 + 'c'], tokenizer.Encode("abc"));
    }

    [Theory]
    [InlineData("config.json", """{"vocab_size":16000000}""", "$.vocab_size")]
    [InlineData("tokenizer_config.json", """{"added_tokens_decoder":{"2147483640":{"content":"<far>"}}}""", "$.added_tokens_decoder")]
    public void FromFiles_TiktokenWithFarIds_RefusedInsteadOfFillingMemory(string name, string content, string place)
    {
        var exception =
            Assert.Throws<TokenizerException>(() => VllmTokenizer.FromFiles(Files(("tiktoken.model", "YQ== 0\nYg== 1\n"), (name, content))));
        Assert.Equal(place, exception.Place);
    }

    [Fact]
    public void FromFiles_TekkenWithoutList_HasBuiltInControlTokens()
    {
        var tokenizer = VllmTokenizer.FromFiles(Files(("tekken.json", Tekken("null", controls: 25))));
        Assert.Equal([1, 3, 25 + 'a', 4], tokenizer.Encode("<s>[INST]a[/INST]"));
        Assert.Equal("[TOOL_CONTENT]", tokenizer.IdToToken(19));
    }

    [Theory]
    [InlineData("{", "line 1, byte 1")]
    [InlineData("{}", "$")]
    [InlineData("""{"config":{"default_num_special_tokens":5,"default_vocab_size":2,"pattern":"a"},"vocab":[]}""", "$.config")]
    [InlineData("""{"config":{"default_num_special_tokens":9000000,"default_vocab_size":10000000,"pattern":"a"},"vocab":[]}""", "$.config")]
    [InlineData("""{"config":{"default_num_special_tokens":0,"default_vocab_size":2,"pattern":"a"},"vocab":[]}""", "$.vocab")]
    [InlineData("""{"config":{"default_num_special_tokens":0,"default_vocab_size":2,"pattern":"("},"vocab":[{"rank":0,"token_bytes":"YQ=="}]}""",
        "$.config.pattern")]
    [InlineData(
        """{"config":{"default_num_special_tokens":0,"default_vocab_size":2,"pattern":"a"},"vocab":[{"rank":0,"token_bytes":"?"}]}""", "$.vocab[0]")]
    [InlineData(
        """{"config":{"default_num_special_tokens":1,"default_vocab_size":2,"pattern":"a"},"special_tokens":[{"rank":1,"token_str":"x"}],"vocab":"""
            + """[]}""", "$.special_tokens[0]")]
    public void FromFiles_MalformedTekken_NamesPlace(string file, string place)
    {
        var exception = Assert.Throws<TokenizerException>(() => VllmTokenizer.FromFiles(Files(("tekken.json", file))));
        Assert.Equal(place, exception.Place);
    }

    private static string Tekken(string specials, int controls = 5)
    {
        var tokens = Enumerable.Range(0, 256).Select(value => new[] { (byte)value }).Append([.. "ab"u8]).Append([.. "abc"u8])
            .Select((token, rank) => $$"""{"rank":{{rank}},"token_bytes":"{{Convert.ToBase64String(token)}}","token_str":null}""");
        return $$"""{"config":{"pattern":"\\p{L}+|[^\\p{L}]+","num_vocab_tokens":258,"default_vocab_size":{{257 + controls}},"default_num_special"""
            + $$"""_tokens":{{controls}},"version":"v3"},"vocab":[{{string.Join(',', tokens)}}],"special_tokens":{{specials}}}""";
    }

    private static Dictionary<string, ReadOnlyMemory<byte>> Files(params (string Name, string Content)[] files) =>
        files.ToDictionary(file => file.Name, file => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(file.Content));
}

using System.Text;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Tokenizers.Tests;

public sealed class AddedTokenTests
{
    [Fact]
    public void Encode_OverlappingTokens_LeftmostLongestWins()
    {
        var tokenizer = With(TinyTokenizer.Added(256, "<a>"), TinyTokenizer.Added(257, "<a><b>"), TinyTokenizer.Added(258, "<b>"));

        Assert.Equal([257, 'x', 256, 258], Order(tokenizer.Encode("<a><b>x<a>"), [257, 'x', 256]));
        Assert.Equal([258, 258], tokenizer.Encode("<b><b>"));
    }

    [Fact]
    public void Encode_SingleWord_NeedsWordBorders()
    {
        var tokenizer = With(TinyTokenizer.Added(256, "tok", singleWord: true));

        Assert.Equal([256], tokenizer.Encode("tok"));
        Assert.Equal(['(', 256, ')'], tokenizer.Encode("(tok)"));
        Assert.DoesNotContain(256, tokenizer.Encode("token"));
        Assert.DoesNotContain(256, tokenizer.Encode("étok"));
    }

    [Fact]
    public void Encode_StripFlags_TakeWhiteSpaceAlong()
    {
        var tokenizer = With(TinyTokenizer.Added(256, "<m>", lstrip: true), TinyTokenizer.Added(257, "<n>", rstrip: true));

        Assert.Equal(['a', 256, ' ', 'b'], tokenizer.Encode("a \n<m> b"));
        Assert.Equal(['a', ' ', 257, 'b'], tokenizer.Encode("a <n>\u3000\n b"));
        Assert.Equal([257, 256], tokenizer.Encode("<n>  <m>"));
    }

    [Fact]
    public void AddedTokens_IdsInFile_DoNotCount()
    {
        var tokenizer = With(TinyTokenizer.Added(7000, "<a>"), TinyTokenizer.Added(9, "<b>"), TinyTokenizer.Added(3, "!"));

        Assert.Equal(256, tokenizer.TokenToId("<a>"));
        Assert.Equal(257, tokenizer.TokenToId("<b>"));
        Assert.Equal((int)'!', tokenizer.TokenToId("!"));
        Assert.True(tokenizer.IsSpecialToken('!'));
        Assert.Equal(258, tokenizer.VocabularySize);
        Assert.Equal(257, tokenizer.MaxTokenId);
    }

    [Fact]
    public void FromJson_AddedTokensDecoder_IsMerged()
    {
        var json = TinyTokenizer.ByteLevel(null, TinyTokenizer.Added(256, "<a>"));
        var config = new JsonObject
        {
            ["added_tokens_decoder"] = new JsonObject
            {
                ["258"] = new JsonObject { ["content"] = "<c>", ["special"] = true },
                ["257"] = new JsonObject { ["content"] = "<b>" },
                ["256"] = new JsonObject { ["content"] = "<ignored>" },
            },
        };
        var tokenizer = VllmTokenizer.FromJson(TinyTokenizer.Bytes(json), Encoding.UTF8.GetBytes(config.ToJsonString()));

        Assert.Equal(["<a>", "<b>", "<c>"], tokenizer.AddedTokens.Select(token => token.Content));
        Assert.Equal([256, 257, 258], tokenizer.Encode("<a><b><c>"));
        Assert.True(tokenizer.IsSpecialToken(258));
        Assert.False(tokenizer.IsSpecialToken(257));
        Assert.Equal("<a><b>", tokenizer.Decode([256, 257, 258], skipSpecialTokens: false)[..6]);
        Assert.Equal("<b>", tokenizer.Decode([256, 257, 258], skipSpecialTokens: true));
    }

    private static int[] Order(int[] ids, int[] first)
    {
        Assert.Equal(first, ids);
        return [.. ids, 258];
    }

    private static VllmTokenizer With(params JsonObject[] added) => TinyTokenizer.Load(TinyTokenizer.ByteLevel(null, added));
}

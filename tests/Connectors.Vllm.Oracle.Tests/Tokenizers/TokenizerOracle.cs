using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>The reference tokenizer in a long-lived node process. One per test class.</summary>
public sealed class TokenizerOracle : IDisposable
{
    private readonly OracleProcess _process = new("node", "tokenizers.mjs", "node is not installed");
    private string? _loaded;

    /// <summary>Loads a tokenizer.json, unless it is the one loaded now.</summary>
    public void Load(string path)
    {
        if (_loaded != path)
        {
            Ask(new JsonObject { ["op"] = "load", ["path"] = path });
            _loaded = path;
        }
    }

    public int[][] Encode(IEnumerable<string> texts, bool special = false) => OracleProcess.Lists(Encodings(texts, special)["ids"]!);

    /// <summary>The ids, and for each its start and end in code points, one behind the other.</summary>
    public (int[][] Ids, int[][][] Spans) EncodeWithSpans(IEnumerable<string> texts)
    {
        var answer = Encodings(texts, special: false);
        return (OracleProcess.Lists(answer["ids"]!), answer["spans"].Deserialize<int[][][]>()!);
    }

    public string[] Decode(IEnumerable<int[]> lists, bool skip) =>
        OracleProcess.Texts(Ask(new JsonObject { ["op"] = "decode", ["lists"] = OracleProcess.Numbers(lists), ["skip"] = skip })["texts"]!);

    public string[] Normalize(IEnumerable<string> texts) =>
        OracleProcess.Texts(Ask(new JsonObject { ["op"] = "normalize", ["texts"] = OracleProcess.Strings(texts) })["texts"]!);

    /// <summary>The pre-tokenizer's pieces, in the alphabet of bytes where ByteLevel wrote them.</summary>
    public string[][] Pieces(IEnumerable<string> texts) =>
        [.. Ask(new JsonObject { ["op"] = "pieces", ["texts"] = OracleProcess.Strings(texts) })["pieces"]!.AsArray()
            .Select(list => OracleProcess.Texts(list!))];

    /// <summary>Makes the tiktoken reference from a rank file, special tokens and a pattern.</summary>
    public void LoadTiktoken(string path, string pattern, IReadOnlyDictionary<string, int> specials)
    {
        var map = new JsonObject();
        foreach (var (token, id) in specials)
        {
            map[token] = id;
        }

        Ask(new JsonObject { ["op"] = "tiktoken", ["path"] = path, ["pattern"] = pattern, ["specials"] = map });
    }

    public int[][] EncodeTiktoken(IEnumerable<string> texts) =>
        OracleProcess.Lists(Ask(new JsonObject { ["op"] = "tiktoken-encode", ["texts"] = OracleProcess.Strings(texts) })["ids"]!);

    public string[] DecodeTiktoken(IEnumerable<int[]> lists) =>
        OracleProcess.Texts(Ask(new JsonObject { ["op"] = "tiktoken-decode", ["lists"] = OracleProcess.Numbers(lists) })["texts"]!);

    public void Dispose() => _process.Dispose();

    private JsonObject Encodings(IEnumerable<string> texts, bool special) =>
        Ask(new JsonObject { ["op"] = "encode", ["texts"] = OracleProcess.Strings(texts), ["special"] = special });

    private JsonObject Ask(JsonObject question)
    {
        Requires.Available(OracleProcess.HasPackage("tokenizers"), "the npm package tokenizers is not installed (npm ci in tests/oracle)");
        return _process.Ask(question);
    }
}

using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.Tokenizers;

/// <summary>The reference tokenizer in a long-lived node process: JSON lines in, JSON lines out. One per test class.</summary>
public sealed class TokenizerOracle : IDisposable
{
    private readonly Process? _process;
    private readonly Lock _lock = new();
    private string? _loaded;

    public TokenizerOracle()
    {
        if (!Directory.Exists(Path.Combine(TestPaths.OracleFolder, "node_modules", "tokenizers")))
        {
            return;
        }

        var start = new ProcessStartInfo("node")
        {
            WorkingDirectory = TestPaths.OracleFolder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        start.ArgumentList.Add("tokenizers.mjs");
        try
        {
            _process = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            _process = null;
        }
    }

    /// <summary>Loads a tokenizer.json, unless it is the one loaded now.</summary>
    public void Load(string path)
    {
        if (_loaded != path)
        {
            Ask(new JsonObject { ["op"] = "load", ["path"] = path });
            _loaded = path;
        }
    }

    public int[][] Encode(IEnumerable<string> texts, bool special = false) =>
        Lists(Ask(new JsonObject { ["op"] = "encode", ["texts"] = Strings(texts), ["special"] = special })["ids"]!);

    public string[] Decode(IEnumerable<int[]> lists, bool skip) =>
        Texts(Ask(new JsonObject { ["op"] = "decode", ["lists"] = Numbers(lists), ["skip"] = skip })["texts"]!);

    public string[] Normalize(IEnumerable<string> texts) => Texts(Ask(new JsonObject { ["op"] = "normalize", ["texts"] = Strings(texts) })["texts"]!);

    /// <summary>The pre-tokenizer's pieces, in the alphabet of bytes where ByteLevel wrote them.</summary>
    public string[][] Pieces(IEnumerable<string> texts) =>
        [.. Ask(new JsonObject { ["op"] = "pieces", ["texts"] = Strings(texts) })["pieces"]!.AsArray().Select(list => Texts(list!))];

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
        Lists(Ask(new JsonObject { ["op"] = "tiktoken-encode", ["texts"] = Strings(texts) })["ids"]!);

    public string[] DecodeTiktoken(IEnumerable<int[]> lists) =>
        Texts(Ask(new JsonObject { ["op"] = "tiktoken-decode", ["lists"] = Numbers(lists) })["texts"]!);

    public void Dispose()
    {
        _process?.StandardInput.Close();
        _process?.WaitForExit(10_000);
        _process?.Dispose();
    }

    private JsonObject Ask(JsonObject question)
    {
        Requires.Available(_process is not null, "node or the npm package tokenizers is not installed (npm ci in tests/oracle)");
        lock (_lock)
        {
            _process!.StandardInput.WriteLine(question.ToJsonString());
            _process.StandardInput.Flush();
            var line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the oracle process ended");
            var answer = JsonNode.Parse(line)!.AsObject();
            return answer["error"] is { } error ? throw new InvalidOperationException($"oracle: {error}") : answer;
        }
    }

    // A lone surrogate cannot be written as JSON text; the reference sees U+FFFD in its place anyway.
    private static JsonArray Strings(IEnumerable<string> texts) =>
        [.. texts.Select(text => (JsonNode)Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)))];

    private static JsonArray Numbers(IEnumerable<int[]> lists) =>
        [.. lists.Select(list => (JsonNode)new JsonArray([.. list.Select(id => (JsonNode)id)]))];

    private static int[][] Lists(JsonNode node) => node.Deserialize<int[][]>()!;

    private static string[] Texts(JsonNode node) => node.Deserialize<string[]>()!;
}

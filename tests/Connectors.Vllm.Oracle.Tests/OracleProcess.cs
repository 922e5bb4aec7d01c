using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests;

/// <summary>A reference implementation in a long-lived process: a JSON object a line in, one a line out. One per test class; thread-safe.</summary>
/// <param name="program">The interpreter.</param>
/// <param name="script">The script's name in tests/oracle.</param>
/// <param name="missing">What to say when it can't be started.</param>
public sealed class OracleProcess(string program, string script, string missing) : IDisposable
{
    /// <summary>Debian's Python, for which Debian's packages are installed.</summary>
    public const string Python = "/usr/bin/python3";

    private readonly Lock _gate = new();
    private Process? _process;

    /// <summary>True when an npm package of tests/oracle is installed.</summary>
    public static bool HasPackage(params string[] name) => Directory.Exists(Path.Combine([TestPaths.OracleFolder, "node_modules", .. name]));

    /// <summary>Asks one question. Skips the test (fails it in CI) when the reference is not there.</summary>
    public JsonObject Ask(JsonObject question)
    {
        lock (_gate)
        {
            _process ??= Start();
            Requires.Available(_process is not null, missing);
            _process!.StandardInput.WriteLine(question.ToJsonString());
            _process.StandardInput.Flush();
            var line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"{script} has ended");
            var answer = JsonNode.Parse(line)!.AsObject();
            return answer["error"] is { } error ? throw new InvalidOperationException($"{script}: {error}") : answer;
        }
    }

    public void Dispose()
    {
        _process?.StandardInput.Close();
        _process?.WaitForExit(10_000);
        _process?.Dispose();
    }

    // A lone surrogate cannot be written as JSON text; references see U+FFFD in its place anyway.
    internal static JsonArray Strings(IEnumerable<string> texts) =>
        [.. texts.Select(text => (JsonNode)Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)))];

    internal static JsonArray Numbers(IEnumerable<int[]> lists) =>
        [.. lists.Select(list => (JsonNode)new JsonArray([.. list.Select(id => (JsonNode)id)]))];

    internal static int[][] Lists(JsonNode node) => node.Deserialize<int[][]>()!;

    internal static string[] Texts(JsonNode node) => node.Deserialize<string[]>()!;

    /// <summary>Starts the process; null when there is no such program, or its script says nothing.</summary>
    private Process? Start()
    {
        var start = new ProcessStartInfo(program, [script])
        {
            WorkingDirectory = TestPaths.OracleFolder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        try
        {
            var process = Process.Start(start);
            return process?.StandardOutput.ReadLine() is null ? null : process;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}

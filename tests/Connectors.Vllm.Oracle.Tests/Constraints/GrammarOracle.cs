using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>xgrammar in a long-lived node process: JSON lines in, JSON lines out. One per test class.</summary>
public sealed class GrammarOracle : IDisposable
{
    private readonly Process? _process;
    private readonly Lock _lock = new();

    public GrammarOracle()
    {
        if (!Directory.Exists(Path.Combine(TestPaths.OracleFolder, "node_modules", "@mlc-ai", "web-xgrammar")))
        {
            return;
        }

        var start = new ProcessStartInfo("node", ["xgrammar.mjs"])
        {
            WorkingDirectory = TestPaths.OracleFolder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        try
        {
            _process = Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            _process = null;
        }
    }

    /// <summary>Which of the texts a structural tag accepts, each as a whole output.</summary>
    public bool[] AcceptsTag(string tag, IEnumerable<string> texts) => Accepts("tag", JsonNode.Parse(tag)!, texts);

    /// <summary>Which of the texts a constraint of a kind accepts.</summary>
    /// <param name="kind"><c>tag</c>, <c>schema</c>, <c>grammar</c> or <c>regex</c>.</param>
    /// <param name="value">The constraint.</param>
    /// <param name="texts">Whole outputs.</param>
    public bool[] Accepts(string kind, JsonNode value, IEnumerable<string> texts)
    {
        Requires.Available(_process is not null, "node or the npm package @mlc-ai/web-xgrammar is not installed (npm ci in tests/oracle)");
        var question = new JsonObject { [kind] = value, ["texts"] = new JsonArray([.. texts.Select(text => (JsonNode)text)]) };
        lock (_lock)
        {
            _process!.StandardInput.WriteLine(question.ToJsonString());
            _process.StandardInput.Flush();
            var line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the oracle process ended");
            var answer = JsonNode.Parse(line)!.AsObject();
            return answer["error"] is { } error
                ? throw new InvalidOperationException($"xgrammar: {error}\n{question[kind]}")
                : answer["accepts"].Deserialize<bool[]>()!;
        }
    }

    public void Dispose()
    {
        _process?.StandardInput.Close();
        _process?.WaitForExit(10_000);
        _process?.Dispose();
    }
}

using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>The reference: one long-lived Python process with jinja2 in transformers' environment, asked in batches of cases.</summary>
public sealed class JinjaOracle : IDisposable
{
    private const string Python = "/usr/bin/python3";
    private readonly Lock _gate = new();
    private Process? _process;

    public IReadOnlyList<OracleAnswer> Render(IEnumerable<JsonObject> cases)
    {
        lock (_gate)
        {
            var process = Start();
            var request = new JsonObject { ["cases"] = new JsonArray([.. cases.Select(node => node.DeepClone())]) };
            process.StandardInput.WriteLine(request.ToJsonString());
            process.StandardInput.Flush();
            var line = process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the jinja2 process has ended");
            using var answer = JsonDocument.Parse(line);
            return [.. answer.RootElement.GetProperty("results").EnumerateArray().Select(result => new OracleAnswer(
                result.GetProperty("ok").GetBoolean() ? result.GetProperty("text").GetString() : null,
                result.GetProperty("ok").GetBoolean() ? null : result.GetProperty("error").GetString()))];
        }
    }

    public void Dispose()
    {
        _process?.StandardInput.Close();
        _process?.WaitForExit(5000);
        _process?.Dispose();
    }

    private Process Start()
    {
        if (_process is not null)
        {
            return _process;
        }

        Requires.Available(File.Exists(Python), $"{Python} is not there");
        var process = Process.Start(new ProcessStartInfo(Python, [Path.Combine(TestPaths.OracleFolder, "jinja_oracle.py")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new System.Text.UTF8Encoding(false),
        })!;
        var ready = process.StandardOutput.ReadLine();
        Requires.Available(ready is not null, "python3-jinja2 is not installed");
        _process = process;
        return process;
    }
}

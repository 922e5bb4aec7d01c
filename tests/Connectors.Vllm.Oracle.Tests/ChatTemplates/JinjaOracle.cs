using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.ChatTemplates;

/// <summary>The reference: one long-lived Python process with jinja2 in transformers' environment, asked in batches of cases.</summary>
public sealed class JinjaOracle : IDisposable
{
    private readonly OracleProcess _process = new(OracleProcess.Python, "jinja_oracle.py", "python3-jinja2 is not installed");

    public IReadOnlyList<OracleAnswer> Render(IEnumerable<JsonObject> cases)
    {
        var answer = _process.Ask(new JsonObject { ["cases"] = new JsonArray([.. cases.Select(node => node.DeepClone())]) });
        return [.. answer["results"]!.AsArray().Select(result =>
            (bool)result!["ok"]! ? new OracleAnswer((string)result["text"]!, null) : new OracleAnswer(null, (string)result["error"]!))];
    }

    public void Dispose() => _process.Dispose();
}

using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.Oracle.Tests.Constraints;

/// <summary>xgrammar in a long-lived node process. One per test class.</summary>
public sealed class GrammarOracle : IDisposable
{
    private readonly OracleProcess _process = new(
        "node", "xgrammar.mjs", "node or the npm package @mlc-ai/web-xgrammar is not installed (npm ci in tests/oracle)");

    /// <summary>Which of the texts a structural tag accepts, each as a whole output.</summary>
    public bool[] AcceptsTag(string tag, IEnumerable<string> texts) => Accepts("tag", JsonNode.Parse(tag)!, texts);

    /// <summary>Which of the texts a constraint of a kind accepts.</summary>
    /// <param name="kind"><c>tag</c>, <c>schema</c>, <c>grammar</c> or <c>regex</c>.</param>
    /// <param name="value">The constraint.</param>
    /// <param name="texts">Whole outputs.</param>
    public bool[] Accepts(string kind, JsonNode value, IEnumerable<string> texts)
    {
        var question = new JsonObject { [kind] = value, ["texts"] = new JsonArray([.. texts.Select(text => (JsonNode)text)]) };
        return _process.Ask(question)["accepts"].Deserialize<bool[]>()!;
    }

    public void Dispose() => _process.Dispose();
}

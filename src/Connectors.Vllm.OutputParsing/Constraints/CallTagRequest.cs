using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing;

/// <summary>What a structural tag for calls must allow.</summary>
/// <param name="Tools">The tools that may be called; only the named one where one is named.</param>
/// <param name="Choice">How free the model is to call.</param>
/// <param name="Multiple">Whether a second call may follow.</param>
/// <param name="HasToken">Whether a text is one token of the vocabulary.</param>
internal sealed record CallTagRequest(IReadOnlyList<OutputTool> Tools, OutputToolChoice Choice, bool Multiple, Func<string, bool> HasToken)
{
    public bool IsForced => Choice.Kind is OutputToolChoiceKind.Required or OutputToolChoiceKind.Named;

    /// <summary>The schema of a tool's arguments; <c>true</c> (any JSON) where neither the tool nor the choice asks for more.</summary>
    public JsonNode Schema(OutputTool tool) => IsForced || tool.Strict ? ConstraintJson.Parameters(tool) : JsonValue.Create(true);
}

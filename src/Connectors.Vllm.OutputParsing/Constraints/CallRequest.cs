using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>What a constraint on calls must allow.</summary>
/// <param name="Tools">The tools that may be called; only the named one where one is named.</param>
/// <param name="Choice">How free the model is to call.</param>
/// <param name="Multiple">Whether a second call may follow.</param>
/// <param name="HasAnswer">Whether an answer may come instead of calls.</param>
/// <param name="HasToken">Whether a text is one token of the vocabulary.</param>
internal sealed record CallRequest(
    IReadOnlyList<OutputTool> Tools, OutputToolChoice Choice, bool Multiple, bool HasAnswer, Func<string, bool> HasToken)
{
    public bool IsForced => Choice.Kind is OutputToolChoiceKind.Required or OutputToolChoiceKind.Named;

    /// <summary>What a tool's arguments must be: anything where neither the tool nor the choice asks for more.</summary>
    public ArgumentSchema Schema(OutputTool tool) => IsForced || tool.Strict ? ArgumentSchema.Of(tool) : ArgumentSchema.Any;
}

using System.Text.Json.Nodes;
using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>An answer's constraint as an element of a structural tag.</summary>
internal static class AnswerElement
{
    /// <exception cref="OutputFormatException">The constraint is malformed, or of a kind that cannot be part of a tag.</exception>
    public static JsonObject Of(OutputConstraint answer) => answer.Kind switch
    {
        OutputConstraintKind.JsonSchema => TagElements.Schema(Parse(answer.Text, "The JSON schema")),
        OutputConstraintKind.JsonObject => TagElements.Schema(new JsonObject { ["type"] = "object" }),
        OutputConstraintKind.Regex => TagElements.Regex(answer.Text),
        OutputConstraintKind.Grammar => TagElements.Grammar(answer.Text),
        OutputConstraintKind.Choice => answer.Choices.Count == 0
            ? throw new OutputFormatException("A choice needs at least one text.")
            : TagElements.Or([.. answer.Choices.Select(TagElements.Const)]),
        _ => Parse(answer.Text, "The structural tag") is JsonObject tag && tag["format"] is JsonObject format
            ? (JsonObject)format.DeepClone()
            : throw new OutputFormatException("A structural tag of the old dialect (without 'format') cannot be combined with a thought or with tools. Write it with 'format'."),
    };

    private static JsonNode Parse(string json, string what)
    {
        try
        {
            return JsonNode.Parse(json) ?? throw new OutputFormatException($"{what} is null.");
        }
        catch (JsonException exception)
        {
            throw new OutputFormatException($"{what} is no JSON: {exception.Message}", exception);
        }
    }
}

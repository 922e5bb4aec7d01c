using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// What a request asks of the answer itself, as a part that can stand behind a thought or beside tool calls. Immutable and thread-safe.
/// </summary>
internal sealed class AnswerConstraint
{
    private AnswerConstraint(ConstraintNode node) => Node = node;

    internal ConstraintNode Node { get; }

    /// <summary>JSON that fits a schema.</summary>
    /// <param name="schema">The schema, JSON text.</param>
    /// <exception cref="OutputFormatException">The schema is not JSON.</exception>
    public static AnswerConstraint JsonSchema(string schema) => new(ConstraintNode.Json(Parse(schema, "The JSON schema")));

    /// <summary>Any JSON object.</summary>
    public static AnswerConstraint JsonObject() => new(ConstraintNode.Json(new JsonObject { ["type"] = "object" }));

    /// <summary>Text that matches a regular expression as a whole.</summary>
    /// <param name="pattern">The expression, in the dialect of the server's compiler.</param>
    public static AnswerConstraint Regex(string pattern) => new(ConstraintNode.Pattern(pattern));

    /// <summary>One of several texts.</summary>
    /// <param name="choices">The texts.</param>
    /// <exception cref="OutputFormatException">There is none.</exception>
    public static AnswerConstraint Choice(IReadOnlyList<string> choices)
    {
        ArgumentNullException.ThrowIfNull(choices);
        return choices.Count == 0
            ? throw new OutputFormatException("A choice needs at least one text.")
            : new(ConstraintNode.Choice([.. choices.Select(ConstraintNode.Literal)]));
    }

    /// <summary>Text that follows a grammar.</summary>
    /// <param name="grammar">EBNF (with <c>::=</c>) or Lark.</param>
    public static AnswerConstraint Grammar(string grammar) => new(new GrammarNode(grammar));

    /// <summary>Text that follows a structural tag.</summary>
    /// <param name="tag">The tag, JSON text with <c>format</c>.</param>
    /// <exception cref="OutputFormatException">The tag is not JSON, or of the old dialect.</exception>
    public static AnswerConstraint StructuralTag(string tag) => Parse(tag, "The structural tag") is JsonObject whole
        && whole["format"] is JsonObject format
        ? new(new TagFormatNode(format))
        : throw new OutputFormatException(
            "A structural tag of the old dialect (without 'format') cannot be combined with a thought or with tools. Write it with 'format'.");

    private static JsonNode Parse(string json, string what)
    {
        try
        {
            return JsonText.ToNode(JsonElement.Parse(json)) ?? throw new OutputFormatException($"{what} is null.");
        }
        catch (JsonException exception)
        {
            throw new OutputFormatException($"{what} is not JSON: {exception.Message}", exception);
        }
    }
}

using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing;
using static Connectors.Vllm.Constraints.ConstraintNode;

namespace Connectors.Vllm.Constraints;

/// <summary>Builds the part of a constraint that makes a model write calls in its own format.</summary>
internal delegate ConstraintNode CallGrammarBuilder(CallRequest request);

/// <summary>
/// How a model is made to write calls in its own format: the texts around all calls and around one, and how arguments are written. From it follow the
/// constraints for every tool choice. Formats that are more than that build theirs themselves (<see cref="CallGrammarBuilder"/>).
/// </summary>
internal sealed record CallGrammar
{
    /// <summary>The text before the first call. Empty if calls are independent, with free text between them.</summary>
    public string Open { get; init; } = "";

    /// <summary>Text after the last call.</summary>
    public string Close { get; init; } = "";

    /// <summary>Text between two calls.</summary>
    public string Separator { get; init; } = "";

    /// <summary>The text that, met in free text, begins a call; <see cref="Open"/> where there is one.</summary>
    public string Trigger { get; init; } = "";

    /// <summary>The text before a call's arguments, given the tool's name.</summary>
    public required Func<string, ConstraintNode> Begin { get; init; }

    /// <summary>A call's arguments where they are markup; JSON when not set.</summary>
    public Func<ArgumentSchema, ConstraintNode>? Markup { get; init; }

    /// <summary>The text after a call's arguments.</summary>
    public required ConstraintNode End { get; init; }

    /// <summary>What a model writes between its reasoning and a forced call.</summary>
    public ConstraintNode? Lead { get; init; }

    /// <summary>Texts that must not occur outside of calls.</summary>
    public string[] Excludes { get; init; } = [];

    /// <summary>True when the format has room for one call only.</summary>
    public bool Single { get; init; }

    public ConstraintNode Build(CallRequest request)
    {
        if (request.IsForced)
        {
            return Lead is null ? Together(request) : Sequence(Lead, Together(request));
        }

        ConstraintNode[] calls = Open.Length == 0 ? [.. request.Tools.Select(tool => Call(request, tool))] : [Together(request)];
        return new CallsInTextNode(Trigger.Length > 0 ? Trigger : Open, calls, request.Multiple && !Single, Excludes);
    }

    /// <summary>All calls, with the surrounding text.</summary>
    public ConstraintNode Together(CallRequest request)
    {
        var calls = Choice([.. request.Tools.Select(tool => Call(request, tool))]);
        return Sequence(Open, new RepeatNode(calls, 1, request.Multiple && !Single ? null : 1, Separator), Close);
    }

    /// <summary>One call of a tool.</summary>
    public ConstraintNode Call(CallRequest request, OutputTool tool)
    {
        var schema = request.Schema(tool);
        return Sequence(Begin(tool.Name), Markup is null ? Json(schema) : Markup(schema), End);
    }
}

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

    /// <summary>Gets the constraint on a tool's arguments; none if neither the tool nor the choice requires one.</summary>
    public ArgumentSchema Schema(OutputTool tool) => IsForced || tool.Strict ? ArgumentSchema.Of(tool) : ArgumentSchema.Any;
}

/// <summary>
/// The JSON schema of forced calls for formats without a structural tag: an array of calls, with the definitions of all tools at its root.
/// </summary>
internal static class GenericCallSchema
{
    /// <exception cref="OutputFormatException">Two tools have different definitions of one name.</exception>
    public static JsonObject Build(CallRequest request)
    {
        var items = new JsonArray();
        var roots = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var tool in request.Tools)
        {
            var parameters = ArgumentSchema.Of(tool).ToNode();
            foreach (var keyword in (ReadOnlySpan<string>)["$defs", "definitions"])
            {
                if ((parameters as JsonObject)?[keyword] is JsonObject definitions)
                {
                    Merge(roots, keyword, definitions, tool);
                    ((JsonObject)parameters).Remove(keyword);
                }
            }

            items.Add((JsonNode)new JsonObject
            {
                ["properties"] = new JsonObject
                {
                    ["name"] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray(tool.Name) },
                    ["parameters"] = parameters,
                },
                ["required"] = new JsonArray("name", "parameters"),
            });
        }

        var schema = new JsonObject
        {
            ["type"] = "array",
            ["minItems"] = 1,
            ["items"] = new JsonObject { ["type"] = "object", ["anyOf"] = items },
        };
        if (!request.Multiple)
        {
            schema["maxItems"] = 1;
        }

        foreach (var (keyword, definitions) in roots)
        {
            schema[keyword] = definitions;
        }

        return schema;
    }

    private static void Merge(SortedDictionary<string, JsonObject> roots, string keyword, JsonObject definitions, OutputTool tool)
    {
        if (!roots.TryGetValue(keyword, out var all))
        {
            roots[keyword] = all = [];
        }

        foreach (var (name, definition) in definitions)
        {
            if (all.ContainsKey(name) && !JsonNode.DeepEquals(all[name], definition))
            {
                throw new OutputFormatException(
                    $"The tools define '{keyword}/{name}' differently (last in '{tool.Name}'), and their calls share one schema. Rename the "
                        + "definition in one of them.");
            }

            all[name] = definition?.DeepClone();
        }
    }
}

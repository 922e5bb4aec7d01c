using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing;

/// <summary>Puts the constraint of a request together: the thought, then calls or the answer.</summary>
internal static class ConstraintBuilder
{
    public static OutputConstraintResult Build(OutputFormat format, OutputConstraintRequest request)
    {
        var choice = request.ToolChoice;
        var tools = choice.Kind == OutputToolChoiceKind.Named ? [.. request.Tools.Where(tool => tool.Name == choice.Name).Take(1)] : request.Tools;
        if (choice.Kind is OutputToolChoiceKind.Named or OutputToolChoiceKind.Required && tools.Count == 0)
        {
            throw new OutputFormatException(choice.Name is null
                ? "A tool call is required, but the request has no tools."
                : $"The tool choice names '{choice.Name}', but the request has no such tool.");
        }

        var thought = request.Start == ConstraintStart.FirstToken ? Thought(format, request) : null;
        var tagRequest = new CallTagRequest(tools, choice, request.AllowMultipleToolCalls, text => format.HasToken(text));
        if (tagRequest.IsForced)
        {
            return Forced(format, tagRequest, thought);
        }

        var native = tools.Count > 0 && choice.Kind == OutputToolChoiceKind.Auto ? format.Tools.Tag : null;
        if (request.Answer is not { } answer)
        {
            // Free text is only constrained where a tool asks for it, or where the number of calls is limited.
            return native is not null && (!request.AllowMultipleToolCalls || tools.Any(tool => tool.Strict))
                ? Tagged(format, native(tagRequest), thought, CallShape.Native)
                : new OutputConstraintResult(null, CallShape.Native, Unmet(tools, native));
        }

        if (native is not null)
        {
            var calls = native(tagRequest with { Choice = OutputToolChoice.Required });
            var both = format.Tools.Id == "openai"
                ? ConstraintJson.Or(calls, CallTags.HarmonyAnswer(Element(answer)))
                : ConstraintJson.Or(calls, Element(answer));
            return Tagged(format, both, thought, CallShape.Native);
        }

        var note = tools.Count > 0 && choice.Kind == OutputToolChoiceKind.Auto ? "This format has no structural tag: the answer's constraint leaves no room for tool calls." : null;
        var shape = format.Tools.Machine is null ? CallShape.None : CallShape.Native;
        if (format.Tools.Id == "openai" && request.Start == ConstraintStart.FirstToken)
        {
            return Tagged(format, CallTags.HarmonyAnswer(Element(answer)), null, shape);
        }

        return thought is null ? new OutputConstraintResult(answer, shape, note) : Tagged(format, Element(answer), thought, shape) with { Note = note };
    }

    private static OutputConstraintResult Forced(OutputFormat format, CallTagRequest request, JsonObject? thought)
    {
        if (format.Tools.Tag is { } native)
        {
            return Tagged(format, native(request), thought, CallShape.Native);
        }

        if (format.Tools.Machine is not null)
        {
            return new OutputConstraintResult(null, CallShape.Native, "This format has no structural tag: the required call cannot be forced.");
        }

        var named = request.Choice.Kind == OutputToolChoiceKind.Named;
        var schema = named ? ConstraintJson.Parameters(request.Tools[0]) : CallsSchema(request);
        var shape = named ? CallShape.NamedArguments : CallShape.JsonArray;
        return thought is null
            ? new OutputConstraintResult(new OutputConstraint(OutputConstraintKind.JsonSchema, ConstraintJson.Write(schema)), shape)
            : Tagged(format, ConstraintJson.Schema(schema), thought, shape);
    }

    private static OutputConstraintResult Tagged(OutputFormat format, JsonObject content, JsonObject? thought, CallShape shape)
    {
        // Harmony's tags hold the thought themselves.
        var whole = thought is null || format.Tools.Machine is not null ? content : ConstraintJson.Sequence(thought, content);
        return new OutputConstraintResult(new OutputConstraint(OutputConstraintKind.StructuralTag, ConstraintJson.Text(whole)), shape);
    }

    private static string? Unmet(IReadOnlyList<OutputTool> tools, CallTagBuilder? native) =>
        native is null && tools.Any(tool => tool.Strict) ? "This format has no structural tag: strict tools are not enforced." : null;

    /// <summary>The free thought before the constrained part; null where none can come.</summary>
    private static JsonObject? Thought(OutputFormat format, OutputConstraintRequest request)
    {
        var syntax = format.Reasoning;
        if (syntax.Closes.Count == 0)
        {
            return null;
        }

        var inside = request.PromptTail is null ? null : format.BeginsInReasoning(request.PromptTail);
        if (inside == false || (inside is null && request.Thinking == false))
        {
            return null;
        }

        // The prompt has opened the thought, or the model may open it itself.
        return inside == true
            ? Block("", syntax)
            : ConstraintJson.Optional(Block(syntax.Opens[0], syntax));
    }

    private static JsonObject Block(string begin, ReasoningSyntax syntax)
    {
        var thought = ConstraintJson.Tag(begin, ConstraintJson.AnyText(), syntax.Closes[0]);
        return syntax.TextAfterClose.Length == 0 ? thought : ConstraintJson.Sequence(thought, ConstraintJson.Const(syntax.TextAfterClose));
    }

    /// <summary>The answer's constraint as an element of a structural tag.</summary>
    private static JsonObject Element(OutputConstraint answer)
    {
        switch (answer.Kind)
        {
            case OutputConstraintKind.JsonSchema:
                return ConstraintJson.Schema(Parse(answer.Text, "The JSON schema"));
            case OutputConstraintKind.JsonObject:
                return ConstraintJson.Schema(new JsonObject { ["type"] = "object" });
            case OutputConstraintKind.Regex:
                return ConstraintJson.Regex(answer.Text);
            case OutputConstraintKind.Grammar:
                return new JsonObject { ["type"] = "grammar", ["grammar"] = answer.Text };
            case OutputConstraintKind.Choice:
                return answer.Choices.Count == 0
                    ? throw new OutputFormatException("A choice needs at least one text.")
                    : ConstraintJson.Or([.. answer.Choices.Select(ConstraintJson.Const)]);
            default:
                return Parse(answer.Text, "The structural tag") is JsonObject tag && tag["format"] is JsonObject format
                    ? (JsonObject)format.DeepClone()
                    : throw new OutputFormatException("A structural tag of the old dialect (without 'format') cannot be combined with a thought or with tools. Write it with 'format'.");
        }
    }

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

    /// <summary>The schema of an array of calls, definitions of all tools at its root.</summary>
    private static JsonObject CallsSchema(CallTagRequest request)
    {
        var items = new JsonArray();
        var roots = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var tool in request.Tools)
        {
            var parameters = ConstraintJson.Parameters(tool);
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
                throw new OutputFormatException($"The tools define '{keyword}/{name}' differently (last in '{tool.Name}'), and their calls share one schema. Rename the definition in one of them.");
            }

            all[name] = definition?.DeepClone();
        }
    }
}

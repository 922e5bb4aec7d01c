using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.Constraints.ConstraintNode;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// Builds the constraint that makes a model write calls in its own format, or answers of a schema, with its reasoning before. Thread-safe.
/// </summary>
internal static class OutputConstraints
{
    /// <summary>Puts the constraint of a request together: the reasoning, then calls or the answer.</summary>
    /// <param name="parser">The model's format.</param>
    /// <param name="request">What is asked.</param>
    /// <returns>The constraint to send, and the shape of the calls it makes.</returns>
    /// <exception cref="OutputFormatException">The request cannot be expressed: an unknown named tool, or a schema that is not JSON.</exception>
    public static OutputConstraintResult Build(OutputFormat parser, OutputConstraintRequest request)
    {
        var format = ConstraintFormat.Of(parser);
        var calls = CallsOf(format, request);
        var reasoning = request.Start != ConstraintStart.AfterReasoning ? ReasoningGrammar.Build(format, request) : null;
        if (calls.IsForced)
        {
            return Forced(format, request, calls, reasoning);
        }

        var native = calls.Tools.Count > 0 && calls.Choice.Kind == OutputToolChoiceKind.Auto ? format.Calls : null;
        if (request.Answer is { } answer)
        {
            var beside = native is null ? null : native(calls with { Choice = OutputToolChoice.Required });
            return Answer(format, request, AnswerNode(answer), reasoning, beside);
        }

        // Free text is only constrained where a tool asks for it, or where the number of calls is limited.
        return native is not null && (!calls.Multiple || calls.Tools.Any(tool => tool.Strict))
            ? new OutputConstraintResult(request, Behind(format, reasoning, native(calls)), CallShape.Native)
            : new OutputConstraintResult(request, null, CallShape.Native, Unmet(calls.Tools, native));
    }

    /// <summary>What a request asks of the answer itself, as a part that can stand after reasoning or beside tool calls.</summary>
    /// <exception cref="OutputFormatException">A schema or tag is nested too deeply, or the tag is of the old dialect.</exception>
    private static ConstraintNode AnswerNode(OutputConstraint answer) => answer.Kind switch
    {
        OutputConstraintKind.JsonSchema => Json(Parse(answer.Value, "The JSON schema")),
        OutputConstraintKind.JsonObject => Json(new JsonObject { ["type"] = "object" }),
        OutputConstraintKind.Regex => Pattern(answer.Value),
        OutputConstraintKind.Grammar => new GrammarNode(answer.Value),
        OutputConstraintKind.Choice => Choice([.. answer.Choices.Select(Literal)]),
        _ => (Parse(answer.Value, "The structural tag") as JsonObject)?["format"] is JsonObject tag
            ? new TagFormatNode(tag)
            : throw new OutputFormatException("A structural tag in the old form (without 'format') cannot be combined with reasoning or "
                + "tools. Write it with 'format'."),
    };

    private static JsonNode Parse(string json, string what)
    {
        try
        {
            return JsonText.ToNode(JsonElement.Parse(json))!;
        }
        catch (JsonException exception)
        {
            throw new OutputFormatException($"{what} is not JSON: {exception.Message}", exception);
        }
    }

    /// <exception cref="OutputFormatException">A call is required of a tool that is not there.</exception>
    private static CallRequest CallsOf(ConstraintFormat format, OutputConstraintRequest request)
    {
        var choice = request.ToolChoice;
        var isNamed = choice.Kind == OutputToolChoiceKind.Named;
        var tools = isNamed ? [.. request.Tools.Where(tool => tool.Name == choice.Name).Take(1)] : request.Tools;
        if (choice.Kind is OutputToolChoiceKind.Named or OutputToolChoiceKind.Required && tools.Count == 0)
        {
            throw new OutputFormatException(choice.Name is null
                ? "A tool call is required, but the request has no tools."
                : $"The tool choice names '{choice.Name}', but the request has no such tool.");
        }

        return new CallRequest(tools, choice, request.AllowMultipleToolCalls && !isNamed, request.Answer is not null, format.HasToken);
    }

    private static OutputConstraintResult Forced(
        ConstraintFormat format, OutputConstraintRequest request, CallRequest calls, ConstraintNode? reasoning)
    {
        if (format.Calls is { } native)
        {
            return new OutputConstraintResult(request, Behind(format, reasoning, native(calls)), CallShape.Native);
        }

        var named = calls.Choice.Kind == OutputToolChoiceKind.Named;
        var schema = named ? Json(ArgumentSchema.Of(calls.Tools[0]))
            : new JsonValueNode(GenericCallSchema.Build(calls), IsOfTool: true);
        return new OutputConstraintResult(request, Behind(format, reasoning, schema), named ? CallShape.NamedArguments : CallShape.JsonArray);
    }

    private static OutputConstraintResult Answer(
        ConstraintFormat format, OutputConstraintRequest request, ConstraintNode answer, ConstraintNode? reasoning, ConstraintNode? calls)
    {
        // A server that waits for the end of the reasoning has seen the header of the answer as well, where headers tell them apart.
        var wrap = format.MessageReasoning is not null && request.Start == ConstraintStart.AfterReasoning ? null : format.Answer;
        var shape = calls is null && format.Answer is null ? CallShape.None : CallShape.Native;
        var wrapped = wrap is null ? answer : wrap(answer);
        var isAnswer = calls is null && wrap is null && (reasoning is null || format.MessageReasoning is not null);
        return isAnswer ? new OutputConstraintResult(request, answer, shape, NoRoomForCalls(request), isAnswer: true)
            : calls is null
            ? new OutputConstraintResult(request, Behind(format, reasoning, wrapped), shape, NoRoomForCalls(request))
            : new OutputConstraintResult(request, Behind(format, reasoning, Choice(calls, wrapped)), shape);
    }

    /// <summary>
    /// Messages with reasoning come before others whoever reads the reasoning; otherwise it is a part of its own, where the server does not wait for
    /// its end.
    /// </summary>
    private static ConstraintNode Behind(ConstraintFormat format, ConstraintNode? reasoning, ConstraintNode content) =>
        (format.MessageReasoning ?? reasoning) is { } before ? Sequence(before, content) : content;

    private static string? NoRoomForCalls(OutputConstraintRequest request) => request.Tools.Count > 0
        && request.ToolChoice.Kind == OutputToolChoiceKind.Auto
        ? "This format has no grammar for its calls: the constraint on the answer does not allow tool calls."
        : null;

    private static string? Unmet(IReadOnlyList<OutputTool> tools, CallGrammarBuilder? native) =>
        native is null && tools.Any(tool => tool.Strict) ? "This format has no grammar for its calls: strict tools are not enforced." : null;
}

/// <summary>The free reasoning before what a constraint asks for.</summary>
internal static class ReasoningGrammar
{
    /// <summary>The reasoning; null where none can come.</summary>
    public static ConstraintNode? Build(ConstraintFormat format, OutputConstraintRequest request)
    {
        if (format.ReasoningCloses.Count == 0)
        {
            return null;
        }

        var inside = request.InsideReasoning ?? (request.PromptTail is null ? null : format.BeginsInReasoning(request.PromptTail));
        if (inside == false || (inside is null && request.Thinking == false))
        {
            return null;
        }

        // The prompt has opened the reasoning, or the model may open it itself.
        return inside == true ? Block("", format) : Optional(Choice([.. Opens(format.ReasoningOpens).Select(open => Block(open, format))]));
    }

    private static ConstraintNode Block(string open, ConstraintFormat format) =>
        Sequence(open, UpTo([.. format.ReasoningCloses]), format.TextAfterReasoning);

    /// <summary>The opening markers; of two that begin alike, the shorter one.</summary>
    private static IEnumerable<string> Opens(IReadOnlyList<string> opens) =>
        opens.Where(open => !opens.Any(other => other.Length < open.Length && open.StartsWith(other, StringComparison.Ordinal)));
}

using static Connectors.Vllm.OutputParsing.Constraints.ConstraintNode;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>Puts the constraint of a request together: the thought, then calls or the answer.</summary>
internal static class ConstraintBuilder
{
    public static OutputConstraintResult Build(ConstraintFormat format, OutputConstraintRequest request)
    {
        var calls = CallsOf(format, request);
        var thought = request.Start == ConstraintStart.FirstToken ? ThoughtGrammar.Build(format, request) : null;
        if (calls.IsForced)
        {
            return Forced(format, request, calls, thought);
        }

        var native = calls.Tools.Count > 0 && calls.Choice.Kind == OutputToolChoiceKind.Auto ? format.Calls : null;
        if (request.Answer is { } answer)
        {
            return Answer(format, request, answer.Node, thought, native is null ? null : native(calls with { Choice = OutputToolChoice.Required }));
        }

        // Free text is only constrained where a tool asks for it, or where the number of calls is limited.
        return native is not null && (!calls.Multiple || calls.Tools.Any(tool => tool.Strict))
            ? new OutputConstraintResult(request, Behind(format, thought, native(calls)), CallShape.Native)
            : new OutputConstraintResult(request, null, CallShape.Native, Unmet(calls.Tools, native));
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

    private static OutputConstraintResult Forced(ConstraintFormat format, OutputConstraintRequest request, CallRequest calls, ConstraintNode? thought)
    {
        if (format.Calls is { } native)
        {
            return new OutputConstraintResult(request, Behind(format, thought, native(calls)), CallShape.Native);
        }

        var named = calls.Choice.Kind == OutputToolChoiceKind.Named;
        var schema = named ? ConstraintNode.Json(ArgumentSchema.Of(calls.Tools[0]))
            : new JsonValueNode(GenericCallSchema.Build(calls), IsOfTool: true);
        return new OutputConstraintResult(request, Behind(format, thought, schema), named ? CallShape.NamedArguments : CallShape.JsonArray);
    }

    private static OutputConstraintResult Answer(
        ConstraintFormat format, OutputConstraintRequest request, ConstraintNode answer, ConstraintNode? thought, ConstraintNode? calls)
    {
        // A server that waits for the end of the thought has seen the header of the answer as well, where headers tell them apart.
        var wrap = format.MessageThought is not null && request.Start == ConstraintStart.AfterReasoning ? null : format.Answer;
        var shape = calls is null && format.Answer is null ? CallShape.None : CallShape.Native;
        var wrapped = wrap is null ? answer : wrap(answer);
        var isAnswer = calls is null && wrap is null && (thought is null || format.MessageThought is not null);
        return isAnswer ? new OutputConstraintResult(request, answer, shape, NoRoomForCalls(request), isAnswer: true)
            : calls is null
            ? new OutputConstraintResult(request, Behind(format, thought, wrapped), shape, NoRoomForCalls(request))
            : new OutputConstraintResult(request, Behind(format, thought, ConstraintNode.Choice(calls, wrapped)), shape);
    }

    /// <summary>
    /// Messages with a thought come before others whoever reads the thought; otherwise it is a part of its own, where the server does not wait for
    /// its end.
    /// </summary>
    private static ConstraintNode Behind(ConstraintFormat format, ConstraintNode? thought, ConstraintNode content) =>
        (format.MessageThought ?? thought) is { } before ? ConstraintNode.Sequence(before, content) : content;

    private static string? NoRoomForCalls(OutputConstraintRequest request) => request.Tools.Count > 0
        && request.ToolChoice.Kind == OutputToolChoiceKind.Auto
        ? "This format has no grammar for its calls: the answer's constraint leaves no room for tool calls."
        : null;

    private static string? Unmet(IReadOnlyList<OutputTool> tools, CallGrammarBuilder? native) =>
        native is null && tools.Any(tool => tool.Strict) ? "This format has no grammar for its calls: strict tools are not enforced." : null;
}

/// <summary>The free thought before what a constraint asks for.</summary>
internal static class ThoughtGrammar
{
    /// <summary>The thought; null where none can come.</summary>
    public static ConstraintNode? Build(ConstraintFormat format, OutputConstraintRequest request)
    {
        if (format.ThoughtCloses.Count == 0)
        {
            return null;
        }

        var inside = request.InsideThought ?? (request.PromptTail is null ? null : format.BeginsInThought(request.PromptTail));
        if (inside == false || (inside is null && request.Thinking == false))
        {
            return null;
        }

        // The prompt has opened the thought, or the model may open it itself.
        return inside == true ? Block("", format) : Optional(Choice([.. Opens(format.ThoughtOpens).Select(open => Block(open, format))]));
    }

    private static ConstraintNode Block(string open, ConstraintFormat format) =>
        Sequence(open, UpTo([.. format.ThoughtCloses]), format.TextAfterThought);

    /// <summary>The opening markers; of two that begin alike, the shorter one.</summary>
    private static IEnumerable<string> Opens(IReadOnlyList<string> opens) =>
        opens.Where(open => !opens.Any(other => other.Length < open.Length && open.StartsWith(other, StringComparison.Ordinal)));
}

/// <summary>What a constraint must know of a model's format.</summary>
internal sealed record ConstraintFormat
{
    /// <summary>Builds the part that makes a model write calls in its own way; null when the generic JSON shapes serve.</summary>
    public CallGrammarBuilder? Calls { get; init; }

    /// <summary>Puts an answer's constraint between the markers that the format writes around visible text; null where it writes none.</summary>
    public Func<ConstraintNode, ConstraintNode>? Answer { get; init; }

    /// <summary>
    /// Where thoughts, answers and calls are messages with headers: the messages that may come before a call or an answer. Else null.
    /// </summary>
    public ConstraintNode? MessageThought { get; init; }

    /// <summary>Markers that begin a thought.</summary>
    public required IReadOnlyList<string> ThoughtOpens { get; init; }

    /// <summary>Markers that end a thought; none where the format has no thoughts.</summary>
    public required IReadOnlyList<string> ThoughtCloses { get; init; }

    /// <summary>What models of the format write between a thought and the answer.</summary>
    public string TextAfterThought { get; init; } = "";

    /// <summary>Whether the output behind the end of a prompt begins inside a thought; null when that end does not tell.</summary>
    public required Func<string, bool?> BeginsInThought { get; init; }

    /// <summary>Whether a text is one token of the vocabulary.</summary>
    public required Func<string, bool> HasToken { get; init; }
}

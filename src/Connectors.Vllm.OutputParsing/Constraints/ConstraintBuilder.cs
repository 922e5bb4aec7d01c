using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>Puts the constraint of a request together: the thought, then calls or the answer.</summary>
internal static class ConstraintBuilder
{
    public static OutputConstraintResult Build(ConstraintFormat format, OutputConstraintRequest request)
    {
        var calls = CallsOf(format, request);
        var thought = request.Start == ConstraintStart.FirstToken ? ThoughtTag.Build(format, request) : null;
        if (calls.IsForced)
        {
            return Forced(format, calls, thought);
        }

        var native = calls.Tools.Count > 0 && calls.Choice.Kind == OutputToolChoiceKind.Auto ? format.Calls : null;
        if (request.Answer is { } answer)
        {
            return Answer(format, request, answer, thought, native is null ? null : native(calls with { Choice = OutputToolChoice.Required }));
        }

        // Free text is only constrained where a tool asks for it, or where the number of calls is limited.
        return native is not null && (!calls.Multiple || calls.Tools.Any(tool => tool.Strict))
            ? Tagged(format, native(calls), thought, CallShape.Native)
            : new OutputConstraintResult(null, CallShape.Native, Unmet(calls.Tools, native));
    }

    /// <exception cref="OutputFormatException">A call is required of a tool that is not there.</exception>
    private static CallTagRequest CallsOf(ConstraintFormat format, OutputConstraintRequest request)
    {
        var choice = request.ToolChoice;
        var tools = choice.Kind == OutputToolChoiceKind.Named ? [.. request.Tools.Where(tool => tool.Name == choice.Name).Take(1)] : request.Tools;
        if (choice.Kind is OutputToolChoiceKind.Named or OutputToolChoiceKind.Required && tools.Count == 0)
        {
            throw new OutputFormatException(choice.Name is null
                ? "A tool call is required, but the request has no tools."
                : $"The tool choice names '{choice.Name}', but the request has no such tool.");
        }

        return new CallTagRequest(tools, choice, request.AllowMultipleToolCalls, format.HasToken);
    }

    private static OutputConstraintResult Forced(ConstraintFormat format, CallTagRequest calls, JsonObject? thought)
    {
        if (format.Calls is { } native)
        {
            return Tagged(format, native(calls), thought, CallShape.Native);
        }

        var named = calls.Choice.Kind == OutputToolChoiceKind.Named;
        var schema = named ? ArgumentSchema.Of(calls.Tools[0]).ToNode() : GenericCallSchema.Build(calls);
        var shape = named ? CallShape.NamedArguments : CallShape.JsonArray;
        return thought is null
            ? new OutputConstraintResult(new OutputConstraint(OutputConstraintKind.JsonSchema, TagElements.Write(schema)), shape)
            : Tagged(format, TagElements.Schema(schema), thought, shape);
    }

    private static OutputConstraintResult Answer(ConstraintFormat format, OutputConstraintRequest request, OutputConstraint answer, JsonObject? thought, JsonObject? calls)
    {
        // A server that waits for the end of the thought has seen the header of the answer as well, where headers tell them apart.
        var wrap = format.HasMessages && request.Start == ConstraintStart.AfterReasoning ? null : format.Answer;
        var shape = calls is null && format.Answer is null ? CallShape.None : CallShape.Native;
        if (calls is null && thought is null && wrap is null)
        {
            return new OutputConstraintResult(answer, shape, NoRoomForCalls(request));
        }

        var element = AnswerElement.Of(answer);
        element = wrap is null ? element : wrap(element);
        return calls is null
            ? Tagged(format, element, thought, shape) with { Note = NoRoomForCalls(request) }
            : Tagged(format, TagElements.Or(calls, element), thought, shape);
    }

    private static OutputConstraintResult Tagged(ConstraintFormat format, JsonObject content, JsonObject? thought, CallShape shape)
    {
        // Formats with a machine of their own have the thought in their tags.
        var whole = thought is null || format.HasMessages ? content : TagElements.Sequence(thought, content);
        return new OutputConstraintResult(new OutputConstraint(OutputConstraintKind.StructuralTag, TagElements.Text(whole)), shape);
    }

    private static string? NoRoomForCalls(OutputConstraintRequest request) => request.Tools.Count > 0 && request.ToolChoice.Kind == OutputToolChoiceKind.Auto
        ? "This format has no structural tag: the answer's constraint leaves no room for tool calls."
        : null;

    private static string? Unmet(IReadOnlyList<OutputTool> tools, CallTagBuilder? native) =>
        native is null && tools.Any(tool => tool.Strict) ? "This format has no structural tag: strict tools are not enforced." : null;
}

using Connectors.Vllm.Constraints;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// The constraint to send, and how to read what it makes. Where the reasoning goes depends on the server; see
/// <see cref="VllmCapabilities.ConstraintStart"/>.
/// </summary>
internal sealed record ConstraintPlan(
    OutputFormat Format, OutputConstraint? Constraint, CallShape CallShape, AnswerCheck? Check, bool StopsReachServer)
{
    /// <summary>
    /// True when the constraint holds from the first token and has no room for reasoning: the output is an answer at once, even where the prompt has
    /// opened reasoning. A tag has that room, or is the caller's own.
    /// </summary>
    public bool AnswersAtOnce { get; private init; }

    /// <exception cref="OutputFormatException">The request cannot be expressed.</exception>
    public static ConstraintPlan For(ChatContext context, ChatPrompt prompt)
    {
        var (profile, settings, options, extras, _, logger) = context;
        var (tools, answer) = (context.Tools, context.Answer);
        var format = profile.FormatFor(extras.Get(VllmOptions.ToolCallParser), extras.Get(VllmOptions.ReasoningParser));

        // The server matches stop strings anywhere in its output. Where reasoning or a call may come first, only this side can tell the parts apart.
        var plain = format.ReasoningParser == "none" && tools.ForTemplate is null;
        var stopsReachServer = plain || settings.StopInReasoning;
        if (answer.IsTag)
        {
            return new ConstraintPlan(format, answer.Constraint, CallShape.Native, null, stopsReachServer);
        }

        if (answer.Constraint is null && tools.ForTemplate is null)
        {
            return new ConstraintPlan(format, null, CallShape.Native, null, stopsReachServer);
        }

        var start = settings.Connection.ConstraintStart ?? profile.Capabilities.ConstraintStart;
        var result = OutputConstraints.Build(format, new OutputConstraintRequest
        {
            Tools = tools.Tools,
            ToolChoice = tools.Choice,
            AllowMultipleToolCalls = options?.AllowMultipleToolCalls ?? true,
            Answer = answer.Constraint,
            Start = start,
            PromptTail = prompt.Tail,
            Thinking = context.Variables.Thinking,
            BoundWhiteSpace = extras.Get(VllmOptions.BoundWhiteSpace) ?? true,
            SpecialTokens = profile.SpecialTokens,
        });
        if (result.Note is { } note)
        {
            Log.ConstraintWarning(logger, note);
        }

        return new ConstraintPlan(format, ToWire(result, answer.Constraint, logger), result.CallShape, answer.Constraint is null
            ? null
            : new AnswerCheck(answer.Constraint), stopsReachServer)
        {
            AnswersAtOnce = start != ConstraintStart.AfterReasoning && (result.IsAnswer || result.IsJson),
        };
    }

    /// <summary>For raw completions: the output is text, and the constraint is what the caller gave.</summary>
    public static ConstraintPlan ForText(ChatContext context) => new(
        OutputFormat.FromNames("none", "none", context.Profile.Tokenizer.TokenToId),
        context.Answer.Constraint,
        CallShape.None,
        context.Answer is not { Constraint: { } constraint, IsTag: false } ? null : new AnswerCheck(constraint),
        StopsReachServer: true);

    public OutputParserOptions ParserOptions(ChatContext context, ChatPrompt prompt)
    {
        var (profile, settings, options, _, _, _) = context;
        var tools = context.Tools;
        return new OutputParserOptions
        {
            PromptTail = AnswersAtOnce ? null : prompt.Tail,
            Tools = tools.Tools,
            ToolChoice = tools.Choice,
            CallShape = CallShape,
            AllowMultipleToolCalls = options?.AllowMultipleToolCalls ?? true,
            StopStrings = StopStringsOf(options),
            StopInReasoning = settings.StopInReasoning,
            SpecialTokens = profile.SpecialTokens,
            ReservedCallIds = prompt.CallIds,
            PriorCallCount = prompt.CallIds.Count,
            ReturnMalformedCalls = settings.ReturnMalformedToolCalls,
            ValidateNames = settings.ValidateToolNames,
        };
    }

    /// <summary>The request's stop sequences; empty ones would match everywhere and are left out.</summary>
    public static IReadOnlyList<string> StopStringsOf(ChatOptions? options) =>
        options?.StopSequences is { Count: > 0 } stops ? [.. stops.Where(static stop => !string.IsNullOrEmpty(stop))] : [];

    /// <summary>The constraint in both languages, a structural tag first: servers older than vLLM 0.32 compile nothing else.</summary>
    private static OutputConstraint? ToWire(OutputConstraintResult result, OutputConstraint? answer, ILogger logger)
    {
        if (result.IsFree || result.IsAnswer)
        {
            return result.IsFree ? null : answer;
        }

        var tag = Try(() => OutputConstraint.StructuralTag(result.ToStructuralTag()), out var noTag);
        var other = Try(
            () => result.IsJson ? OutputConstraint.JsonSchema(result.ToJsonSchema()) : OutputConstraint.Grammar(result.ToLark()), out var noOther);
        if (tag is not null && other is not null)
        {
            return tag.WithAlternative(other, result.MayBeEmpty);
        }

        if (tag is null && other is null)
        {
            throw noTag!;
        }

        Log.ConstraintWarning(logger, (noTag ?? noOther)!.Message);
        return tag ?? other;
    }

    private static OutputConstraint? Try(Func<OutputConstraint> write, out OutputFormatException? problem)
    {
        try
        {
            problem = null;
            return write();
        }
        catch (OutputFormatException exception)
        {
            problem = exception;
            return null;
        }
    }
}

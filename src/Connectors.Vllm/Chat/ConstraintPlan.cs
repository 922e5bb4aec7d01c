using Connectors.Vllm.Constraints;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// The constraint to send, and how to parse the output under it. Whether the constraint covers the reasoning depends on the server; see <see
/// cref="VllmCapabilities.ConstraintStart"/>.
/// </summary>
internal sealed record ConstraintPlan(
    OutputFormat Format, OutputConstraint? Constraint, CallShape CallShape, AnswerCheck? Check, bool StopsReachServer)
{
    /// <summary>
    /// Whether the constraint applies from the first token and does not allow reasoning, so that the output is an answer from the start, even if the
    /// prompt has opened a reasoning block. A structural tag allows reasoning, or is the caller's own.
    /// </summary>
    public bool SkipsReasoning { get; private init; }

    /// <exception cref="OutputFormatException">The request cannot be expressed.</exception>
    public static ConstraintPlan For(ChatContext context, ChatPrompt prompt)
    {
        var (profile, settings, options, extras, _, logger) = context;
        var (tools, answer) = (context.Tools, context.Answer);
        var format = profile.FormatFor(extras.Get(VllmOptions.ToolCallParser), extras.Get(VllmOptions.ReasoningParser));

        // The server matches stop strings anywhere in its output. If reasoning or a call may come first, only the client can distinguish the parts.
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
            SkipsReasoning = start != ConstraintStart.AfterReasoning && (result.IsAnswer || result.IsJson),
        };
    }

    /// <summary>Creates the plan of a raw completion: the output is text, and the constraint is the caller's.</summary>
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
            PromptTail = SkipsReasoning ? null : prompt.Tail,
            Tools = tools.Tools,
            ToolChoice = tools.Choice,
            CallShape = CallShape,
            AllowMultipleToolCalls = options?.AllowMultipleToolCalls ?? true,
            StopStrings = GetStopStrings(options),
            StopInReasoning = settings.StopInReasoning,
            SpecialTokens = profile.SpecialTokens,
            ReservedCallIds = prompt.CallIds,
            PriorCallCount = prompt.CallIds.Count,
            ReturnMalformedCalls = settings.ReturnMalformedToolCalls,
            ValidateNames = settings.ValidateToolNames,
        };
    }

    /// <summary>Gets the request's stop sequences without empty ones, which would match everywhere.</summary>
    public static IReadOnlyList<string> GetStopStrings(ChatOptions? options) =>
        options?.StopSequences is { Count: > 0 } stops ? [.. stops.Where(static stop => !string.IsNullOrEmpty(stop))] : [];

    /// <summary>
    /// Gets the constraint in both languages, with the structural tag first, because servers older than vLLM 0.32 compile nothing else.
    /// </summary>
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

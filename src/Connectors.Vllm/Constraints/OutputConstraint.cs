using Connectors.Vllm.Grpc;
using Connectors.Vllm.OutputParsing;

namespace Connectors.Vllm.Constraints;

/// <summary>The constraints of a request on the model's output.</summary>
internal sealed record OutputConstraintRequest
{
    /// <summary>The tools of the request.</summary>
    public IReadOnlyList<OutputTool> Tools { get; init; } = [];

    /// <summary>How free the model is to call.</summary>
    public OutputToolChoice ToolChoice { get; init; }

    /// <summary>False forbids a second call.</summary>
    public bool AllowMultipleToolCalls { get; init; } = true;

    /// <summary>The constraint on the answer itself, a schema for example; null when it is free.</summary>
    public OutputConstraint? Answer { get; init; }

    /// <summary>Where the server starts to apply constraints; at the first token when it does not tell.</summary>
    public ConstraintStart Start { get; init; }

    /// <summary>The end of the rendered prompt, which determines whether the output begins inside reasoning.</summary>
    public string? PromptTail { get; init; }

    /// <summary>Whether the output begins inside reasoning; null to let <see cref="PromptTail"/> tell.</summary>
    public bool? InsideReasoning { get; init; }

    /// <summary>
    /// Whether the model thinks in this request: true, false, or null to let the prompt's end decide (a model whose prompt says nothing may think or
    /// not).
    /// </summary>
    public bool? Thinking { get; init; }

    /// <summary>
    /// Whether JSON is kept to one white space character at a place, which is the default. Without the bound a model can fill its whole budget with
    /// line breaks.
    /// </summary>
    public bool BoundWhiteSpace { get; init; } = true;

    /// <summary>The special tokens of the vocabulary by id: a Lark grammar names them by their ids. Null when they are unknown.</summary>
    public IReadOnlyDictionary<int, string>? SpecialTokens { get; init; }
}

/// <summary>
/// The constraint of a request, which can be written in the two languages that vLLM's grammar compilers read, and how to read the output it makes.
/// Immutable and thread-safe.
/// </summary>
internal sealed class OutputConstraintResult
{
    private readonly ConstraintNode? _constraint;
    private readonly OutputConstraintRequest _request;

    internal OutputConstraintResult(
        OutputConstraintRequest request, ConstraintNode? constraint, CallShape callShape, string? note = null, bool isAnswer = false)
    {
        (_request, _constraint, CallShape, Note) = (request, constraint, callShape, note);
        IsAnswer = isAnswer && constraint is not JsonValueNode;
    }

    /// <summary>Whether the output is unconstrained, so that nothing is sent.</summary>
    public bool IsFree => _constraint is null;

    /// <summary>
    /// True when the constraint is the request's <see cref="OutputConstraintRequest.Answer"/> and nothing else, and no JSON either: then it is best
    /// sent as the caller wrote it.
    /// </summary>
    public bool IsAnswer { get; }

    /// <summary>Whether the whole output is one JSON value, so that a JSON schema is equivalent to a grammar.</summary>
    public bool IsJson => _constraint is JsonValueNode;

    /// <summary>
    /// True when an empty output may satisfy the constraint: calls the model is free to make, or an answer of the caller's own grammar.
    /// </summary>
    public bool MayBeEmpty => _constraint is not null && (_request.Answer is { } answer
        ? answer.Kind is not (OutputConstraintKind.JsonSchema or OutputConstraintKind.JsonObject)
        : _request.ToolChoice.Kind is not (OutputToolChoiceKind.Required or OutputToolChoiceKind.Named));

    /// <summary>For <see cref="OutputParserOptions.CallShape"/>.</summary>
    public CallShape CallShape { get; }

    /// <summary>What the user should know (something no constraint can express, for example); null when all is well.</summary>
    public string? Note { get; }

    /// <summary>The constraint as a structural tag with <c>format</c>, JSON text. Only xgrammar compiles it.</summary>
    /// <exception cref="OutputFormatException">A structural tag cannot express it.</exception>
    /// <exception cref="InvalidOperationException">The output is free.</exception>
    public string ToStructuralTag() => new TagRenderer(_request.BoundWhiteSpace).Render(Constraint);

    /// <summary>The constraint as a Lark grammar, in the part of Lark that both xgrammar and llguidance read.</summary>
    /// <exception cref="OutputFormatException">Lark cannot express it.</exception>
    /// <exception cref="InvalidOperationException">The output is free.</exception>
    public string ToLark() => new LarkRenderer(_request.SpecialTokens, _request.BoundWhiteSpace).Render(Constraint);

    /// <summary>The schema of an output that is one JSON value, with the bound on white space as llguidance reads it (<c>x-guidance</c>).</summary>
    /// <exception cref="InvalidOperationException"><see cref="IsJson"/> is false.</exception>
    public string ToJsonSchema() =>
        LarkRenderer.JsonSchema(
            _constraint as JsonValueNode ?? throw new InvalidOperationException("The output is not one JSON value."), _request.BoundWhiteSpace);

    private ConstraintNode Constraint => _constraint ?? throw new InvalidOperationException("The output is free.");
}

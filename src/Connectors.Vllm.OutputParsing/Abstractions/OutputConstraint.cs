using Connectors.Vllm.OutputParsing.Machines;

namespace Connectors.Vllm.OutputParsing;

/// <summary>A constraint on what the model may write.</summary>
/// <param name="Kind">What <paramref name="Text"/> is.</param>
/// <param name="Text">Schema, tag, expression or grammar; empty for <see cref="OutputConstraintKind.JsonObject"/> and <see cref="OutputConstraintKind.Choice"/>.</param>
public sealed record OutputConstraint(OutputConstraintKind Kind, string Text)
{
    /// <summary>The texts of a <see cref="OutputConstraintKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];
}

/// <summary>The kinds of constraint a vLLM server takes.</summary>
public enum OutputConstraintKind
{
    /// <summary>A JSON schema.</summary>
    JsonSchema,

    /// <summary>Any JSON object.</summary>
    JsonObject,

    /// <summary>A structural tag, JSON text in xgrammar's dialect with <c>format</c>.</summary>
    StructuralTag,

    /// <summary>A regular expression.</summary>
    Regex,

    /// <summary>A grammar (EBNF or Lark, as the server's backend takes it).</summary>
    Grammar,

    /// <summary>One of several texts.</summary>
    Choice,
}

/// <summary>What a request asks of the model's output.</summary>
public sealed record OutputConstraintRequest
{
    /// <summary>The tools of the request.</summary>
    public IReadOnlyList<OutputTool> Tools { get; init; } = [];

    /// <summary>How free the model is to call.</summary>
    public OutputToolChoice ToolChoice { get; init; }

    /// <summary>False forbids a second call.</summary>
    public bool AllowMultipleToolCalls { get; init; } = true;

    /// <summary>The constraint on the answer itself, a schema for example; null when it is free.</summary>
    public OutputConstraint? Answer { get; init; }

    /// <summary>Where the server starts to apply constraints.</summary>
    public ConstraintStart Start { get; init; }

    /// <summary>The end of the rendered prompt: tells whether the output begins inside a thought.</summary>
    public string? PromptTail { get; init; }

    /// <summary>
    /// Whether the model thinks in this request: true, false, or null to let the prompt's end decide (a model whose prompt says nothing may think or not).
    /// </summary>
    public bool? Thinking { get; init; }
}

/// <summary>The constraint to send, and how to read the output it makes.</summary>
/// <param name="Constraint">The constraint; null when the output is free.</param>
/// <param name="CallShape">For <see cref="OutputParserOptions.CallShape"/>.</param>
/// <param name="Note">What the user should know (a wish no constraint can express, for example); null when all is well.</param>
public sealed record OutputConstraintResult(OutputConstraint? Constraint, CallShape CallShape, string? Note = null);

/// <summary>Where a server starts to apply a constraint.</summary>
public enum ConstraintStart
{
    /// <summary>At the first token of the output, the default of a vLLM server: a thought must be part of the constraint.</summary>
    FirstToken,

    /// <summary>Behind the thought: the server was started with a reasoning parser. A thought in the constraint would be asked for twice.</summary>
    AfterReasoning,
}

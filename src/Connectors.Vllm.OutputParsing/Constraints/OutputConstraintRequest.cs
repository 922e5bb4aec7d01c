namespace Connectors.Vllm.OutputParsing;

/// <summary>What a request asks of the model's output.</summary>
internal sealed record OutputConstraintRequest
{
    /// <summary>The tools of the request.</summary>
    public IReadOnlyList<OutputTool> Tools { get; init; } = [];

    /// <summary>How free the model is to call.</summary>
    public OutputToolChoice ToolChoice { get; init; }

    /// <summary>False forbids a second call.</summary>
    public bool AllowMultipleToolCalls { get; init; } = true;

    /// <summary>The constraint on the answer itself, a schema for example; null when it is free.</summary>
    public AnswerConstraint? Answer { get; init; }

    /// <summary>Where the server starts to apply constraints.</summary>
    public ConstraintStart Start { get; init; }

    /// <summary>The end of the rendered prompt: tells whether the output begins inside a thought.</summary>
    public string? PromptTail { get; init; }

    /// <summary>Whether the output begins inside a thought; null to let <see cref="PromptTail"/> tell.</summary>
    public bool? InsideThought { get; init; }

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

/// <summary>Where a server starts to apply a constraint.</summary>
internal enum ConstraintStart
{
    /// <summary>At the first token of the output, the default of a vLLM server: a thought must be part of the constraint.</summary>
    FirstToken,

    /// <summary>Behind the thought: the server was started with a reasoning parser. A thought in the constraint would be asked for twice.</summary>
    AfterReasoning,
}

namespace Connectors.Vllm.OutputParsing;

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

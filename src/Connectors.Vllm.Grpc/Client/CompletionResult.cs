namespace Connectors.Vllm.Grpc;

/// <summary>A whole completion.</summary>
public sealed record CompletionResult
{
    /// <summary>The id the request was sent under.</summary>
    public string RequestId { get; init; } = string.Empty;

    /// <summary>The choices by index.</summary>
    public IReadOnlyList<CompletionChoice> Choices { get; init; } = [];

    /// <summary>Text of the first choice.</summary>
    public string Text => Choices.Count > 0 ? Choices[0].Text : string.Empty;

    /// <summary>Prompt tokens.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Prompt tokens found in the prefix cache; null when the server does not tell.</summary>
    public int? CachedTokens { get; init; }

    /// <summary>Generated tokens of all choices.</summary>
    public int CompletionTokens { get; init; }

    /// <summary>Log probabilities of the prompt, when asked for.</summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; init; }
}

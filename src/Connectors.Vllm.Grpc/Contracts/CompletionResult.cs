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

/// <summary>One choice of a completion.</summary>
public sealed record CompletionChoice
{
    /// <summary>From 0.</summary>
    public int Index { get; init; }

    /// <summary>The text, cut before a stop string; empty when the client has no tokenizer.</summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>All ids the server returned, a final end token and the tokens of a stop string included.</summary>
    public IReadOnlyList<int> TokenIds { get; init; } = [];

    /// <summary>How it ended; null in a partial result.</summary>
    public GenerationFinish? Finish { get; init; }

    /// <summary>Log probabilities, one entry per id, when asked for.</summary>
    public IReadOnlyList<TokenLogprob>? Logprobs { get; init; }
}

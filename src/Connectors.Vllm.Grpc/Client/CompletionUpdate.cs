namespace Connectors.Vllm.Grpc;

/// <summary>A piece of a completion. The texts of one choice, put together, are its whole text.</summary>
public sealed record CompletionUpdate
{
    /// <summary>Which choice, from 0.</summary>
    public int Index { get; init; }

    /// <summary>New text, never half a character and never part of a stop string; often empty.</summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>New token ids. Text may lag behind them.</summary>
    public ReadOnlyMemory<int> TokenIds { get; init; }

    /// <summary>Log probabilities of the ids, when asked for.</summary>
    public IReadOnlyList<TokenLogprob>? Logprobs { get; init; }

    /// <summary>Log probabilities of the prompt, when asked for; in one update only.</summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; init; }

    /// <summary>Prompt tokens; null when this piece does not say.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>Prompt tokens found in the prefix cache; null when this piece does not say.</summary>
    public int? CachedTokens { get; init; }

    /// <summary>Set on the last piece of a choice.</summary>
    public GenerationFinish? Finish { get; init; }
}

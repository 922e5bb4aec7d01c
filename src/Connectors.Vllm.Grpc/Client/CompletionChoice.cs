namespace Connectors.Vllm.Grpc;

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

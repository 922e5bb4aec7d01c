namespace Connectors.Vllm.Grpc;

/// <summary>
/// What came in one message of a generation. Ids of all updates of one <see cref="Index"/>, put together, are the whole answer: nothing
/// is repeated, in either protocol family. Immutable.
/// </summary>
public sealed class GenerationUpdate
{
    /// <summary>Which choice this belongs to, from 0.</summary>
    public int Index { get; init; }

    /// <summary>New token ids, in order; may be empty. An end token is the last id of its choice.</summary>
    public ReadOnlyMemory<int> TokenIds { get; init; }

    /// <summary>Length of the prompt as the server counts it (media expanded); null when this message does not say.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>Prompt tokens found in the prefix cache; null when this message does not say.</summary>
    public int? CachedTokens { get; init; }

    /// <summary>Log probabilities of <see cref="TokenIds"/>, one entry per id; null when not asked for.</summary>
    public IReadOnlyList<TokenLogprob>? Logprobs { get; init; }

    /// <summary>Log probabilities of the prompt, one entry per prompt token; null unless this message carries them.</summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; init; }

    /// <summary>Prompt ids as the server encoded them, when asked for and known; else null.</summary>
    public IReadOnlyList<int>? PromptIds { get; init; }

    /// <summary>The server's own text of this message, when asked for and known; it may lag behind the ids. Else null.</summary>
    public string? ServerText { get; init; }

    /// <summary>Set on the last update of a choice.</summary>
    public GenerationFinish? Finish { get; init; }

    /// <summary>The protobuf message, when <see cref="GenerationRequest.IncludeRawRepresentation"/> was set.</summary>
    public object? RawRepresentation { get; init; }
}

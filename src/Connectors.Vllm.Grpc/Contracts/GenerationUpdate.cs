namespace Connectors.Vllm.Grpc;

/// <summary>
/// One message of a generation. The ids of all updates with the same <see cref="Index"/>, concatenated, are the whole answer: nothing is repeated, in
/// either protocol. Immutable.
/// </summary>
public sealed class GenerationUpdate
{
    /// <summary>The zero-based index of the choice.</summary>
    public int Index { get; init; }

    /// <summary>The new token ids, in order; may be empty. An end-of-sequence token is the last id of its choice.</summary>
    public ReadOnlyMemory<int> TokenIds { get; init; }

    /// <summary>
    /// The length of the prompt in tokens as the server counts it, with media expanded; <see langword="null"/> if this message does not report it.
    /// </summary>
    public int? PromptTokens { get; init; }

    /// <summary>The number of prompt tokens found in the prefix cache; <see langword="null"/> if this message does not report it.</summary>
    public int? CachedTokens { get; init; }

    /// <summary>The log probabilities of <see cref="TokenIds"/>, one entry per id; <see langword="null"/> if not requested.</summary>
    public IReadOnlyList<TokenLogprob>? Logprobs { get; init; }

    /// <summary>The log probabilities of the prompt, one entry per prompt token; <see langword="null"/> unless this message carries them.</summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; init; }

    /// <summary>The prompt's token ids as encoded by the server; <see langword="null"/> if not requested or not available.</summary>
    public IReadOnlyList<int>? PromptIds { get; init; }

    /// <summary>
    /// The new text of this choice; it may lag behind the ids. From <see cref="VllmGrpcClient"/>: decoded text, often empty, that never contains part
    /// of a character or of a stop string. From an engine: the text decoded by the server if <see cref="GenerationRequest.IncludeServerText"/> is set
    /// and the protocol supports it, otherwise empty.
    /// </summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>The model of the answering server; <see langword="null"/> if unknown.</summary>
    public VllmModelInfo? Model { get; internal set; }

    /// <summary>The server knows nothing of the request's stop strings: whoever reads the text has to end the answer at them.</summary>
    internal bool StopStringsOmitted { get; set; }

    /// <summary>How the choice ended; set on its last update only.</summary>
    public GenerationFinish? Finish { get; init; }

    /// <summary>The protobuf message, if <see cref="GenerationRequest.IncludeRawRepresentation"/> is set.</summary>
    public object? RawRepresentation { get; init; }

    /// <summary>The same message for another choice, or with another end.</summary>
    internal GenerationUpdate With(int index, GenerationFinish? finish) => new()
    {
        Index = index,
        TokenIds = TokenIds,
        PromptTokens = PromptTokens,
        CachedTokens = CachedTokens,
        Logprobs = Logprobs,
        PromptLogprobs = PromptLogprobs,
        PromptIds = PromptIds,
        Text = Text,
        Model = Model,
        StopStringsOmitted = StopStringsOmitted,
        Finish = finish,
        RawRepresentation = RawRepresentation,
    };
}

/// <summary>How a choice ended.</summary>
public sealed record GenerationFinish
{
    /// <summary>Why the choice ended.</summary>
    public GenerationFinishReason Reason { get; init; }

    /// <summary>The finish reason as the server names it.</summary>
    public string RawReason { get; init; } = string.Empty;

    /// <summary>
    /// The stop token that ended the choice (one of the request's, or one of the model's additional end-of-sequence tokens); <see langword="null"/>
    /// otherwise. 0 is a valid token id.
    /// </summary>
    public int? StopTokenId { get; init; }

    /// <summary>The model's end-of-sequence token, if the server reports it (Inference protocol); <see langword="null"/> otherwise.</summary>
    public int? EosTokenId { get; init; }

    /// <summary>The stop string that the server matched; <see langword="null"/> if none.</summary>
    public string? StopString { get; init; }

    /// <summary>The number of tokens of this choice, including the end-of-sequence token.</summary>
    public int OutputTokens { get; init; }

    /// <summary>The KV connector's answer, as a JSON object; <see langword="null"/> if there is none.</summary>
    public string? KvTransferParamsJson { get; init; }

    /// <summary>The number of draft tokens that speculative decoding accepted; 0 if unknown.</summary>
    public int AcceptedDraftTokens { get; init; }

    /// <summary>The number of draft tokens that speculative decoding proposed; 0 if unknown.</summary>
    public int DraftTokens { get; init; }
}

/// <summary>Why a choice ended.</summary>
public enum GenerationFinishReason
{
    /// <summary>An end-of-sequence token, a stop token or a stop string.</summary>
    Stop = 0,

    /// <summary>The token limit was reached, or the context is full.</summary>
    Length = 1,

    /// <summary>
    /// The request was aborted by <see cref="IVllmEngine.AbortAsync"/> of the same engine. An abort that was not requested here throws
    /// <see cref="VllmConnectionException"/> instead.
    /// </summary>
    Abort = 2,

    /// <summary>The server detected repetition.</summary>
    Repetition = 3,

    /// <summary>A reason this client does not know; see <see cref="GenerationFinish.RawReason"/>.</summary>
    Other = 4,
}

/// <summary>A token and its log probability at its position.</summary>
/// <param name="TokenId">The token's id.</param>
/// <param name="Logprob">The natural logarithm of its probability; <see langword="null"/> for the first token of a prompt, which has none.</param>
/// <param name="Rank">Its rank among all tokens, where 1 is the most likely; <see langword="null"/> if the server does not report it
/// (VllmEngine protocol).</param>
public sealed record TokenLogprob(int TokenId, float? Logprob, int? Rank = null)
{
    /// <summary>
    /// The token's text if it was decoded, which chat clients do and engines do not; otherwise empty. Part of a character is U+FFFD.
    /// </summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>
    /// The most likely tokens at this position, most likely first, as many as requested; empty if none were requested. The token itself is among them
    /// if its rank allows. The VllmEngine protocol always includes the token itself; if it ranks below the number requested, the last of the most
    /// likely ones is missing.
    /// </summary>
    public IReadOnlyList<TokenLogprob> Alternatives { get; init; } = [];
}

/// <summary>The complete result of a generation.</summary>
public sealed record CompletionResult
{
    /// <summary>The id with which the request was sent.</summary>
    public string RequestId { get; init; } = string.Empty;

    /// <summary>The choices, ordered by index.</summary>
    public IReadOnlyList<CompletionChoice> Choices { get; init; } = [];

    /// <summary>The text of the first choice.</summary>
    public string Text => Choices.Count > 0 ? Choices[0].Text : string.Empty;

    /// <summary>The number of prompt tokens.</summary>
    public int PromptTokens { get; init; }

    /// <summary>The number of prompt tokens found in the prefix cache; <see langword="null"/> if the server does not report it.</summary>
    public int? CachedTokens { get; init; }

    /// <summary>The number of generated tokens, over all choices.</summary>
    public int CompletionTokens { get; init; }

    /// <summary>The log probabilities of the prompt tokens, if requested.</summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; init; }
}

/// <summary>One choice of a completion.</summary>
public sealed record CompletionChoice
{
    /// <summary>The zero-based index of the choice.</summary>
    public int Index { get; init; }

    /// <summary>The text up to a stop string; empty if the client has no tokenizer.</summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>All token ids the server returned, including an end-of-sequence token and the tokens of a stop string.</summary>
    public IReadOnlyList<int> TokenIds { get; init; } = [];

    /// <summary>How the choice ended; <see langword="null"/> in a partial result.</summary>
    public GenerationFinish? Finish { get; init; }

    /// <summary>The log probabilities, one entry per token id, if requested.</summary>
    public IReadOnlyList<TokenLogprob>? Logprobs { get; init; }
}

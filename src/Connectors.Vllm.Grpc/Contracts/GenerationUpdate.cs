namespace Connectors.Vllm.Grpc;

/// <summary>
/// What came in one message of a generation. Ids of all updates of one <see cref="Index"/>, put together, are the whole answer: nothing
/// is repeated, in either protocol. Immutable.
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

    /// <summary>
    /// New text of this choice; it may lag behind the ids. From <see cref="VllmGrpcClient"/>: decoded, never half a character and never part
    /// of a stop string, often empty. From an engine: the server's own text where <see cref="GenerationRequest.IncludeServerText"/> asked for it
    /// and the protocol has it, otherwise empty.
    /// </summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>The model of the server that answers; <see langword="null"/> when it is not known.</summary>
    public VllmModelInfo? Model { get; internal set; }

    /// <summary>Set on the last update of a choice.</summary>
    public GenerationFinish? Finish { get; init; }

    /// <summary>The protobuf message, when <see cref="GenerationRequest.IncludeRawRepresentation"/> was set.</summary>
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
        Finish = finish,
        RawRepresentation = RawRepresentation,
    };
}

/// <summary>How a choice ended.</summary>
public sealed record GenerationFinish
{
    /// <summary>Why.</summary>
    public GenerationFinishReason Reason { get; init; }

    /// <summary>The server's word for it.</summary>
    public string RawReason { get; init; } = string.Empty;

    /// <summary>
    /// The stop token that ended it (one of the request's, or one of the model's secondary end tokens); null otherwise. 0 is a token.
    /// </summary>
    public int? StopTokenId { get; init; }

    /// <summary>The model's end token, where the server names it (Inference protocol); null otherwise.</summary>
    public int? EosTokenId { get; init; }

    /// <summary>The stop string that the server saw; null when none did.</summary>
    public string? StopString { get; init; }

    /// <summary>Number of tokens of this choice, the end token included.</summary>
    public int OutputTokens { get; init; }

    /// <summary>The KV connector's answer, a JSON object; null when there is none.</summary>
    public string? KvTransferParamsJson { get; init; }

    /// <summary>Draft tokens that speculative decoding accepted; 0 when unknown.</summary>
    public int AcceptedDraftTokens { get; init; }

    /// <summary>Draft tokens that speculative decoding proposed; 0 when unknown.</summary>
    public int DraftTokens { get; init; }
}

/// <summary>Why a choice ended.</summary>
public enum GenerationFinishReason
{
    /// <summary>The model's end token, a stop token or a stop string.</summary>
    Stop = 0,

    /// <summary>The token limit, or the context is full.</summary>
    Length = 1,

    /// <summary>
    /// Aborted by <see cref="IVllmEngine.AbortAsync"/> of the same engine. An abort that nobody here asked for is no end: it is thrown as a
    /// <see cref="VllmConnectionException"/>.
    /// </summary>
    Abort = 2,

    /// <summary>The server's repetition detection.</summary>
    Repetition = 3,

    /// <summary>A reason this client does not know; see <see cref="GenerationFinish.RawReason"/>.</summary>
    Other = 4,
}

/// <summary>A token and how likely it was at its position.</summary>
/// <param name="TokenId">The token's id.</param>
/// <param name="Logprob">Natural logarithm of its probability; null for the first token of a prompt, which has none.</param>
/// <param name="Rank">Its rank among all tokens, 1 is the most likely; null when the server does not report it (VllmEngine protocol).</param>
public sealed record TokenLogprob(int TokenId, float? Logprob, int? Rank = null)
{
    /// <summary>
    /// The token's text, where it was decoded: by a chat client, not by an engine. Empty otherwise. Part of a character reads as U+FFFD.
    /// </summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>
    /// The most likely tokens at this position, best first, as many as were requested; empty when none were. The token itself is among them if it
    /// ranks there. The VllmEngine protocol always lists the token itself; when it ranks below the number requested, the last of the best is missing.
    /// </summary>
    public IReadOnlyList<TokenLogprob> Alternatives { get; init; } = [];
}

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

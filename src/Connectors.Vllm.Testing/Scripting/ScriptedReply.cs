using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Testing;

/// <summary>
/// What the model "generates" for one request. The server still applies the request's own rules to it (end-of-sequence ids, stop ids, stop strings,
/// minimum and maximum tokens), as the real engine would. Immutable; one instance can answer many requests.
/// </summary>
public sealed record ScriptedReply
{
    /// <summary>
    /// The text to generate, tokenized with the server's tokenizer; text of special tokens becomes their ids. Used if <see cref="Ids"/> is
    /// <see langword="null"/>.
    /// </summary>
    public string? Text { get; init; }

    /// <summary>The token ids to generate. They take precedence over <see cref="Text"/>.</summary>
    public IReadOnlyList<int>? Ids { get; init; }

    /// <summary>Whether the model's end-of-sequence token follows the scripted tokens. Default: true.</summary>
    public bool EndWithEos { get; init; } = true;

    /// <summary>The number of tokens per message; the last message may have fewer. Default: 1.</summary>
    public int TokensPerMessage { get; init; } = 1;

    /// <summary>
    /// The exact token counts of the messages, first to last (0 sends an empty message); after the last one, <see cref="TokensPerMessage"/> applies.
    /// </summary>
    public IReadOnlyList<int>? MessageSizes { get; init; }

    /// <summary>The delay before the first message.</summary>
    public TimeSpan DelayBeforeFirstToken { get; init; }

    /// <summary>The delay before each further message.</summary>
    public TimeSpan DelayPerMessage { get; init; }

    /// <summary>
    /// The finish reason after the scripted tokens, without an end-of-sequence token: <c>stop</c>, <c>length</c>, <c>abort</c>, <c>error</c> or
    /// <c>repetition</c>.
    /// </summary>
    public string? FinishReason { get; init; }

    /// <summary>
    /// The log probabilities, one entry per generated token; <see langword="null"/> generates plausible ones. The token ids of the entries are
    /// ignored (those of the reply are sent); those of <see cref="TokenLogprob.Alternatives"/> are sent.
    /// </summary>
    public IReadOnlyList<TokenLogprob>? Logprobs { get; init; }

    /// <summary>
    /// The log probabilities of the prompt, one entry per prompt token (the first is never sent); <see langword="null"/> generates plausible ones.
    /// </summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; init; }

    /// <summary>
    /// The number of prompt tokens to report as read from the prefix cache; <see langword="null"/> reports that of the server's own prefix cache.
    /// </summary>
    public int? CachedTokens { get; init; }

    /// <summary>The vector to return for an Embed request; <see langword="null"/> derives one from the prompt ids.</summary>
    public IReadOnlyList<float>? Embedding { get; init; }

    /// <summary>The replies for the choices 1 to n−1 of a request for several; this reply is used for those that are missing.</summary>
    public IReadOnlyList<ScriptedReply>? Alternatives { get; init; }

    /// <summary>
    /// The choice to which each message belongs, in order; <see langword="null"/> alternates between the choices. Choices that have ended are
    /// skipped.
    /// </summary>
    public IReadOnlyList<int>? ChoiceOrder { get; init; }

    /// <summary>The number of messages after which the server waits for <see cref="Hold"/>.</summary>
    public int HoldAfterMessages { get; init; }

    /// <summary>
    /// The task for which the reply waits after <see cref="HoldAfterMessages"/> messages, unless the request is aborted; <see langword="null"/> does
    /// not wait.
    /// </summary>
    public Task? Hold { get; init; }

    /// <summary>The fault to inject into this call.</summary>
    public ServerFault? Fault { get; init; }

    /// <summary>How messages are divided into DATA frames.</summary>
    public MessageDelivery Delivery { get; init; }

    /// <summary>Creates a reply with the given text, one token per message.</summary>
    public static ScriptedReply FromText(string text) => new() { Text = text };

    /// <summary>Creates a reply with the given token ids, one token per message.</summary>
    public static ScriptedReply FromIds(params IReadOnlyList<int> ids) => new() { Ids = ids };

    /// <summary>Creates a reply that ends in the given fault instead of an answer.</summary>
    public static ScriptedReply Failing(ServerFault fault) => new() { Text = "This answer is about to fail, a few words in.", Fault = fault };

    /// <summary>Converts a text to a reply, like <see cref="FromText"/>.</summary>
    public static implicit operator ScriptedReply(string text) => FromText(text);
}

/// <summary>How response messages are divided into HTTP/2 DATA frames.</summary>
public enum MessageDelivery
{
    /// <summary>Each message is flushed on its own, usually as one DATA frame.</summary>
    OneByOne,

    /// <summary>Messages are flushed eight at a time, so that a DATA frame contains several.</summary>
    Together,

    /// <summary>Every DATA frame contains one byte.</summary>
    SingleBytes,

    /// <summary>Every DATA frame contains one byte, with a short pause between frames.</summary>
    SlowDrip,
}

using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Testing;

/// <summary>
/// What the model "generates" for one request. The server still applies the request's own rules to it (end-of-sequence ids, stop ids, stop strings,
/// minimum and maximum tokens), as the real engine would. Immutable; one instance may answer many requests.
/// </summary>
public sealed record ScriptedReply
{
    /// <summary>
    /// The text to generate; encoded with the server's tokenizer, text of special tokens becoming their ids. Used when <see cref="Ids"/> is null.
    /// </summary>
    public string? Text { get; init; }

    /// <summary>The token ids to generate. They win over <see cref="Text"/>.</summary>
    public IReadOnlyList<int>? Ids { get; init; }

    /// <summary>Whether the model's end-of-sequence id follows when the script runs out; default true.</summary>
    public bool EndWithEos { get; init; } = true;

    /// <summary>How many tokens one message carries; default 1. The last may carry fewer.</summary>
    public int TokensPerMessage { get; init; } = 1;

    /// <summary>
    /// Exact token counts of the messages, first to last (0 makes an empty message); after the last one <see cref="TokensPerMessage"/> goes on.
    /// </summary>
    public IReadOnlyList<int>? MessageSizes { get; init; }

    /// <summary>Wait before the first message.</summary>
    public TimeSpan DelayBeforeFirstToken { get; init; }

    /// <summary>Wait before each further message.</summary>
    public TimeSpan DelayPerMessage { get; init; }

    /// <summary>
    /// Ends the reply with this reason when the script runs out, without an end-of-sequence id: <c>stop</c>, <c>length</c>, <c>abort</c>,
    /// <c>error</c> or <c>repetition</c>.
    /// </summary>
    public string? FinishReason { get; init; }

    /// <summary>
    /// Log probabilities, one entry per generated token; null makes up plausible ones. The entries' own token ids are not read (they are those of
    /// the reply); those of <see cref="TokenLogprob.Alternatives"/> are sent.
    /// </summary>
    public IReadOnlyList<TokenLogprob>? Logprobs { get; init; }

    /// <summary>Log probabilities, one entry per prompt token (the first is never sent); null makes up plausible ones.</summary>
    public IReadOnlyList<TokenLogprob>? PromptLogprobs { get; init; }

    /// <summary>Prompt tokens reported as read from the prefix cache; null lets the server's own prefix cache say.</summary>
    public int? CachedTokens { get; init; }

    /// <summary>The vector an Embed request gets; null makes one up from the prompt ids.</summary>
    public IReadOnlyList<float>? Embedding { get; init; }

    /// <summary>Replies of the choices 1 to n−1 of a request for several; where missing, this reply is used.</summary>
    public IReadOnlyList<ScriptedReply>? Alternatives { get; init; }

    /// <summary>Which choice each message belongs to, in order; null takes the choices in turn. Choices that have ended are skipped.</summary>
    public IReadOnlyList<int>? ChoiceOrder { get; init; }

    /// <summary>Number of messages after which the server waits for <see cref="Hold"/>.</summary>
    public int HoldAfterMessages { get; init; }

    /// <summary>
    /// The reply goes on past <see cref="HoldAfterMessages"/> only when this task has completed (or the request was aborted); null never waits.
    /// </summary>
    public Task? Hold { get; init; }

    /// <summary>A failure to play in this call.</summary>
    public ServerFault? Fault { get; init; }

    /// <summary>How messages are laid out in DATA frames.</summary>
    public MessageDelivery Delivery { get; init; }

    /// <summary>A reply of this text, one token a message.</summary>
    public static ScriptedReply FromText(string text) => new() { Text = text };

    /// <summary>A reply of these token ids, one a message.</summary>
    public static ScriptedReply FromIds(params IReadOnlyList<int> ids) => new() { Ids = ids };

    /// <summary>A reply that ends in this failure instead of an answer.</summary>
    public static ScriptedReply Failing(ServerFault fault) => new() { Text = "This answer is about to fail, a few words in.", Fault = fault };

    /// <summary>Text stands for <see cref="FromText"/>.</summary>
    public static implicit operator ScriptedReply(string text) => FromText(text);
}

/// <summary>How response messages are laid out in HTTP/2 DATA frames.</summary>
public enum MessageDelivery
{
    /// <summary>Each message is flushed by itself, usually one DATA frame each.</summary>
    OneByOne,

    /// <summary>Messages are flushed eight at a time, so a DATA frame holds several.</summary>
    Together,

    /// <summary>Every DATA frame holds one byte.</summary>
    SingleBytes,

    /// <summary>Every DATA frame holds one byte, with a short pause between two frames.</summary>
    SlowDrip,
}

using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>A request of a batch: one conversation.</summary>
/// <param name="Id">The caller's identifier for the request, to match it with its result; need not be unique.</param>
/// <param name="Messages">The conversation; not modified.</param>
/// <param name="Options">The options of this request; <see langword="null"/> uses <see cref="ChatBatchOptions.DefaultChatOptions"/>. Not
/// modified.</param>
public sealed record ChatBatchRequest(string Id, IReadOnlyList<ChatMessage> Messages, ChatOptions? Options = null)
{
    /// <summary>Creates a request with a single user message.</summary>
    /// <param name="id">The caller's identifier for the request.</param>
    /// <param name="prompt">The text of the user message.</param>
    public ChatBatchRequest(string id, string prompt)
        : this(id, [new ChatMessage(ChatRole.User, prompt)])
    {
    }
}

/// <summary>The result of one request of a batch: a response, or the exception of its last attempt.</summary>
public sealed class ChatBatchResult
{
    internal ChatBatchResult(ChatBatchRequest request, long index, int attempts, TimeSpan duration, ChatResponse? response, Exception? exception)
    {
        Request = request;
        Index = index;
        Attempts = attempts;
        Duration = duration;
        Response = response;
        Exception = exception;
    }

    /// <summary>The request.</summary>
    public ChatBatchRequest Request { get; }

    /// <summary>The zero-based position of the request in the input.</summary>
    public long Index { get; }

    /// <summary>The number of times the request was sent, at least 1.</summary>
    public int Attempts { get; }

    /// <summary>How long the last attempt took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>The response; <see langword="null"/> if the request failed.</summary>
    public ChatResponse? Response { get; }

    /// <summary>The exception that made the request fail; <see langword="null"/> if it was answered.</summary>
    public Exception? Exception { get; }
}

/// <summary>The progress of a batch.</summary>
/// <param name="Read">The number of requests read from the input so far.</param>
/// <param name="Succeeded">The number of requests that were answered.</param>
/// <param name="Failed">The number of requests that failed for good.</param>
/// <param name="Retries">The number of attempts that failed and were retried.</param>
/// <param name="Running">The number of running requests.</param>
/// <param name="Parallelism">The number of requests that may currently run concurrently.</param>
/// <param name="InputTokens">The number of prompt tokens of the answered requests.</param>
/// <param name="CachedInputTokens">The number of those prompt tokens that the server had in its prefix cache.</param>
/// <param name="OutputTokens">The number of generated tokens.</param>
/// <param name="Elapsed">The time since the batch began.</param>
public readonly record struct ChatBatchProgress(
    long Read,
    long Succeeded,
    long Failed,
    long Retries,
    int Running,
    int Parallelism,
    long InputTokens,
    long CachedInputTokens,
    long OutputTokens,
    TimeSpan Elapsed);

/// <summary>Options for running a batch. Read once, when the enumeration of the results begins.</summary>
public sealed class ChatBatchOptions
{
    /// <summary>
    /// The maximum number of concurrent requests, at least 1. <see langword="null"/>, the default, adapts it to the observed throughput: it starts at
    /// 8 and grows while more requests yield more tokens per second and none waits in the server's queue, up to <see cref="MaxAdaptiveParallelism"/>.
    /// </summary>
    public int? Parallelism { get; set; }

    /// <summary>The upper limit when <see cref="Parallelism"/> is adaptive. Default: 512.</summary>
    public int MaxAdaptiveParallelism { get; set; } = 512;

    /// <summary>The maximum number of requests started per second; <see langword="null"/>, the default, sets no limit.</summary>
    public double? RequestsPerSecond { get; set; }

    /// <summary>
    /// Whether results are returned in the order of the requests. Default: true; if false, each is returned as soon as it is available.
    /// </summary>
    public bool PreserveOrder { get; set; } = true;

    /// <summary>
    /// The number of requests that are read ahead and sent in the order of their text, so that those with a common prefix run together and find it in
    /// the server's prefix cache. Default: 1,024; 1 sends them as they arrive. It does not change the order of the results.
    /// </summary>
    public int PrefixWindow { get; set; } = 1024;

    /// <summary>The maximum number of attempts for a request that fails transiently while the server responds. Default: 5.</summary>
    public int MaxAttempts { get; set; } = 5;

    /// <summary>
    /// How long the server may be unreachable before the batch ends with the exception. Default: 10 minutes. Meanwhile one request probes the server
    /// and the others wait, which does not count as an attempt for any of them.
    /// </summary>
    public TimeSpan MaxOutage { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Determines whether a failure is transient. <see langword="null"/>, the default, treats failures of connections and servers as transient
    /// (<see cref="VllmException.IsRetryable"/>, <see cref="System.Net.Http.HttpRequestException"/>, timeouts) and refused requests as final.
    /// </summary>
    public Func<Exception, bool>? ShouldRetry { get; set; }

    /// <summary>
    /// A token that stops the batch gracefully: once cancelled, no further request is started, running requests finish, and the enumeration ends
    /// after their results.
    /// </summary>
    public CancellationToken StopStarting { get; set; }

    /// <summary>The options for requests that have none of their own.</summary>
    public ChatOptions? DefaultChatOptions { get; set; }

    /// <summary>Receives the progress after each result and each retry, on the thread that completed it; must not block.</summary>
    public IProgress<ChatBatchProgress>? Progress { get; set; }

    internal TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <summary>The first option that is out of range, in words; null when all are fine.</summary>
    internal string? FindProblem() =>
        Parallelism < 1 ? Problem(nameof(Parallelism), "at least 1, or null for adaptive")
        : MaxAdaptiveParallelism < 1 ? Problem(nameof(MaxAdaptiveParallelism), "at least 1")
        : RequestsPerSecond is { } rate && !(rate > 0 && double.IsFinite(rate)) ? Problem(nameof(RequestsPerSecond), "above 0, or null for no limit")
        : PrefixWindow < 1 ? Problem(nameof(PrefixWindow), "at least 1")
        : MaxAttempts < 1 ? Problem(nameof(MaxAttempts), "at least 1")
        : MaxOutage < TimeSpan.Zero ? Problem(nameof(MaxOutage), "zero or more")
        : null;

    private static string Problem(string name, string range) => $"{nameof(ChatBatchOptions)}.{name} must be {range}.";
}

using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>One conversation of a batch.</summary>
/// <param name="Id">A name of the caller's own, for finding the result again; need not be unique.</param>
/// <param name="Messages">The conversation. Only read.</param>
/// <param name="Options">Options of this request; null takes <see cref="ChatBatchOptions.DefaultChatOptions"/>. Only read.</param>
public sealed record ChatBatchRequest(string Id, IReadOnlyList<ChatMessage> Messages, ChatOptions? Options = null)
{
    /// <summary>A conversation of one user message.</summary>
    /// <param name="id">A name of the caller's own.</param>
    /// <param name="prompt">The text of the user message.</param>
    public ChatBatchRequest(string id, string prompt)
        : this(id, [new ChatMessage(ChatRole.User, prompt)])
    {
    }
}

/// <summary>What became of one request of a batch: a response, or the exception of its last attempt.</summary>
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

    /// <summary>The request's position in the input, from 0.</summary>
    public long Index { get; }

    /// <summary>How often the request was sent, at least 1.</summary>
    public int Attempts { get; }

    /// <summary>How long the last attempt took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>The response; null when the request failed.</summary>
    public ChatResponse? Response { get; }

    /// <summary>Why the request failed; null when it was answered.</summary>
    public Exception? Exception { get; }
}

/// <summary>Where a batch stands.</summary>
/// <param name="Read">Requests read from the input so far.</param>
/// <param name="Succeeded">Requests that were answered.</param>
/// <param name="Failed">Requests that were given up.</param>
/// <param name="Retries">Attempts that failed and were repeated.</param>
/// <param name="Running">Requests under way.</param>
/// <param name="Parallelism">How many may be under way at present.</param>
/// <param name="InputTokens">Prompt tokens of the answered requests.</param>
/// <param name="CachedInputTokens">Prompt tokens among them that the server had in its prefix cache.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="Elapsed">Time since the batch began.</param>
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

/// <summary>How a batch runs. Read once, when the enumeration of the results begins.</summary>
public sealed class ChatBatchOptions
{
    /// <summary>
    /// Most requests under way at the same time, at least 1; <see langword="null"/>, the default, finds it by watching throughput: it starts at 8 and
    /// grows while more requests give more tokens per second and nothing waits in the server's queue, up to <see cref="MaxAdaptiveParallelism"/>.
    /// </summary>
    public int? Parallelism { get; set; }

    /// <summary>The most that is tried when <see cref="Parallelism"/> is found automatically. Default 512.</summary>
    public int MaxAdaptiveParallelism { get; set; } = 512;

    /// <summary>Most requests started per second; <see langword="null"/>, the default, sets no limit.</summary>
    public double? RequestsPerSecond { get; set; }

    /// <summary>Whether results come in the order of the requests. Default true; false hands each out as soon as it is there.</summary>
    public bool PreserveOrder { get; set; } = true;

    /// <summary>
    /// How many requests are read ahead and sent in the order of their text, so that those with a common beginning run together and find it in the
    /// server's prefix cache. Default 1,024; 1 sends them as they come. It does not change the order of the results.
    /// </summary>
    public int PrefixWindow { get; set; } = 1024;

    /// <summary>How often one request is tried while the server answers but the request fails in a way that may pass. Default 5.</summary>
    public int MaxAttempts { get; set; } = 5;

    /// <summary>
    /// How long the server may be unreachable before the batch ends with the exception. Default 10 minutes. While it is, a single request probes it and
    /// the others wait; that costs none of them an attempt.
    /// </summary>
    public TimeSpan MaxOutage { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Decides whether a failure may pass; <see langword="null"/>, the default, takes failures of connections and servers for passing
    /// (<see cref="VllmException.IsRetryable"/>,
    /// <see cref="System.Net.Http.HttpRequestException"/>, timeouts) and refused requests for final.
    /// </summary>
    public Func<Exception, bool>? ShouldRetry { get; set; }

    /// <summary>When cancelled, no further request is started: those under way are finished, and the enumeration ends after their results.</summary>
    public CancellationToken StopStarting { get; set; }

    /// <summary>Options for requests that bring none.</summary>
    public ChatOptions? DefaultChatOptions { get; set; }

    /// <summary>Is told after each result and each retry, on the thread that finished it; must not block.</summary>
    public IProgress<ChatBatchProgress>? Progress { get; set; }

    internal TimeProvider Clock { get; set; } = TimeProvider.System;

    /// <summary>The first option that is out of range, in words; null when all are fine.</summary>
    internal string? FindProblem() =>
        Parallelism < 1 ? Problem(nameof(Parallelism), "at least 1, or null to find it")
        : MaxAdaptiveParallelism < 1 ? Problem(nameof(MaxAdaptiveParallelism), "at least 1")
        : RequestsPerSecond is { } rate && !(rate > 0 && double.IsFinite(rate)) ? Problem(nameof(RequestsPerSecond), "above 0, or null for no limit")
        : PrefixWindow < 1 ? Problem(nameof(PrefixWindow), "at least 1")
        : MaxAttempts < 1 ? Problem(nameof(MaxAttempts), "at least 1")
        : MaxOutage < TimeSpan.Zero ? Problem(nameof(MaxOutage), "zero or more")
        : null;

    private static string Problem(string name, string range) => $"{nameof(ChatBatchOptions)}.{name} must be {range}.";
}

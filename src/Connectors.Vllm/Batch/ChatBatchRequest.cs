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

using Connectors.Vllm.Batch;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>What a chat client can do beyond one answer: run a batch, choose between given answers.</summary>
public static partial class VllmChatClientExtensions
{
    /// <summary>
    /// Sends many requests, many at a time, and hands out one result for each: a response or the exception that ended it. Failures that may pass are
    /// repeated, and a server that is away for a while is waited for, so that a batch of hours survives its restart. The input is read as it is
    /// needed, never all at once.
    /// </summary>
    /// <param name="client">Any chat client. With a vLLM client the server's queue is watched too.</param>
    /// <param name="requests">The requests; enumerated once.</param>
    /// <param name="options">How to run; null takes the defaults.</param>
    /// <param name="cancellationToken">Aborts the requests that are under way and ends the enumeration.</param>
    /// <returns>The results, each request once. Leaving the enumeration early aborts what is under way.</returns>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static IAsyncEnumerable<ChatBatchResult> RunBatchAsync(
        this IChatClient client, IAsyncEnumerable<ChatBatchRequest> requests, ChatBatchOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(requests);
        options ??= new ChatBatchOptions();
        if (options.FindProblem() is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        return ChatBatchRun.StartAsync(client, requests, options, cancellationToken);
    }

    /// <inheritdoc cref="RunBatchAsync(IChatClient, IAsyncEnumerable{ChatBatchRequest}, ChatBatchOptions, CancellationToken)"/>
    public static IAsyncEnumerable<ChatBatchResult> RunBatchAsync(
        this IChatClient client, IEnumerable<ChatBatchRequest> requests, ChatBatchOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        return client.RunBatchAsync(requests.ToAsyncEnumerable(), options, cancellationToken);
    }
}

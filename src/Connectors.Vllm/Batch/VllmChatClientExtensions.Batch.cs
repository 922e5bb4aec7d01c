using Connectors.Vllm.Batch;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>Extensions of chat clients: running batches of requests, and classification.</summary>
public static partial class VllmChatClientExtensions
{
    /// <summary>
    /// Sends many requests concurrently and returns one result for each: a response, or the exception that ended it. Transient failures are retried,
    /// and the batch waits for a server that is temporarily unreachable, so that a batch that takes hours survives a restart of the server. The input
    /// is read as needed, never all at once.
    /// </summary>
    /// <param name="client">Any chat client. With a vLLM client, the server's queue is also taken into account.</param>
    /// <param name="requests">The requests; enumerated once.</param>
    /// <param name="options">The options of the batch; <see langword="null"/> uses the defaults.</param>
    /// <param name="cancellationToken">Aborts the running requests and ends the enumeration.</param>
    /// <returns>The results, one per request. Ending the enumeration early aborts the running requests.</returns>
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

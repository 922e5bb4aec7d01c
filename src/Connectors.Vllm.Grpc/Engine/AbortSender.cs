using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Tells servers to abort abandoned requests, in the background: the reset of the call has done most of it already, so nobody waits for this
/// and a failure is only logged. At most <see cref="MaxPending"/> at a time.
/// </summary>
internal sealed class AbortSender(TimeSpan timeout, ILogger logger)
{
    private const int MaxPending = 256;

    private readonly HashSet<Task> _pending = [];

    public void Send(Attempt attempt, string requestId)
    {
        if (attempt.Server.Protocol.Protocol == VllmProtocol.LegacyInference)
        {
            return;
        }

        Log.Aborting(logger, requestId, attempt.Endpoint.Uri);
        lock (_pending)
        {
            if (_pending.Count < MaxPending)
            {
                var task = Task.Run(() => AbortAsync(attempt, requestId));
                _pending.Add(task);
                _ = task.ContinueWith(Remove, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
    }

    /// <summary>Completes when everything that was sent so far has ended.</summary>
    public Task DrainAsync()
    {
        lock (_pending)
        {
            return Task.WhenAll([.. _pending]);
        }
    }

    private void Remove(Task task)
    {
        lock (_pending)
        {
            _pending.Remove(task);
        }
    }

    private async Task AbortAsync(Attempt attempt, string requestId)
    {
        try
        {
            await attempt.Server.Protocol
                .AbortAsync([requestId], attempt.Endpoint.Channel.NewCall(requestId, timeout: timeout), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is VllmException or OperationCanceledException or ObjectDisposedException)
        {
            Log.AbortFailed(logger, requestId, attempt.Endpoint.Uri, exception);
        }
    }
}

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

    public void Send(ServerEndpoint endpoint, IServerProtocol family, string requestId)
    {
        if (family.Protocol == VllmProtocol.LegacyInference)
        {
            return;
        }

        Log.Aborting(logger, requestId, endpoint.Uri);
        lock (_pending)
        {
            if (_pending.Count < MaxPending)
            {
                var task = Task.Run(() => AbortAsync(endpoint, family, requestId));
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

    private async Task AbortAsync(ServerEndpoint endpoint, IServerProtocol family, string requestId)
    {
        try
        {
            await family.AbortAsync([requestId], timeout, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is VllmException or OperationCanceledException or ObjectDisposedException)
        {
            Log.AbortFailed(logger, requestId, endpoint.Uri, e);
        }
    }
}

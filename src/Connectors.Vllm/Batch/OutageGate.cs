namespace Connectors.Vllm.Batch;

/// <summary>
/// Closed while the server is away. One request probes it, again and again, and the others wait for the outcome: a server that starts is not met by
/// hundreds of requests at once. After too long the gate gives up for all. Thread-safe.
/// </summary>
internal sealed class OutageGate(TimeSpan longest, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _closed;
    private object? _prober;
    private long _since;
    private int _probes;

    /// <summary>Why the gate gave up; null while it has not.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Waits while the gate is closed.</summary>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _closed?.Task.WaitAsync(cancellationToken) ?? Task.CompletedTask;
        }
    }

    /// <summary>The server answered, be it with an error.</summary>
    public void Open()
    {
        lock (_gate)
        {
            _prober = null;
            _probes = 0;
            _closed?.TrySetResult();
            _closed = null;
        }
    }

    /// <summary>A request found the server away: waits until the request should be sent again.</summary>
    /// <param name="who">The request; always the same object for the same request.</param>
    /// <param name="exception">What it found.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>False when the server has been away for too long.</returns>
    public async Task<bool> WaitForTurnAsync(object who, Exception exception, CancellationToken cancellationToken)
    {
        Task turn;
        lock (_gate)
        {
            if (_closed is null)
            {
                _closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _since = clock.GetTimestamp();
            }

            if (Failure is not null || clock.GetElapsedTime(_since) > longest)
            {
                Failure ??= exception;
                return false;
            }

            _prober ??= who;
            turn = ReferenceEquals(_prober, who)
                ? Task.Delay(Backoff.Of(++_probes), clock, cancellationToken)
                : _closed.Task.WaitAsync(cancellationToken);
        }

        await turn.ConfigureAwait(false);
        return true;
    }
}

using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Shared;

/// <summary>
/// A lazily loaded value that depends on the served model: concurrent callers share one load, and the value is loaded again after the model has
/// changed. Failures are not cached, and a caller that cancels its wait does not cancel the load. Thread-safe.
/// </summary>
/// <param name="load">Loads the value; its token is <paramref name="disposing"/>, not that of a caller.</param>
/// <param name="disposing">Cancels running loads; waiting callers get an <see cref="ObjectDisposedException"/>.</param>
internal sealed class Renewable<T>(Func<CancellationToken, Task<T>> load, CancellationToken disposing = default)
    where T : class
{
    /// <summary>How often the model may change during one operation or one load.</summary>
    private const int MaxRenewals = 3;

    private readonly Lock _gate = new();
    private Task<T>? _task;

    /// <summary>The value if it has been loaded; otherwise null.</summary>
    public T? Current => Volatile.Read(ref _task) is { IsCompletedSuccessfully: true } task ? task.Result : null;

    public ValueTask<T> GetAsync(CancellationToken cancellationToken)
    {
        var task = Volatile.Read(ref _task);
        if (task is { IsCompletedSuccessfully: true })
        {
            return new(task.Result);
        }

        lock (_gate)
        {
            if (_task is null || _task.IsFaulted || _task.IsCanceled)
            {
                ObjectDisposedException.ThrowIf(disposing.IsCancellationRequested, this);

                // On the thread pool, because a load may be CPU-bound for a moment and must not block the caller's thread.
                Volatile.Write(ref _task, Task.Run(LoadAsync, CancellationToken.None));

                // Observes the exception in case every caller has stopped waiting.
                _ = _task!.ContinueWith(
                    static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            }

            task = _task;
        }

        return new(task!.WaitAsync(cancellationToken));
    }

    /// <summary>Discards a stale value. Returns true for the first of several callers that report the same value.</summary>
    public bool Invalidate(T stale)
    {
        lock (_gate)
        {
            if (_task is { IsCompletedSuccessfully: true } task && ReferenceEquals(task.Result, stale))
            {
                Volatile.Write(ref _task, null);
                return true;
            }

            return false;
        }
    }

    /// <summary>Runs an operation that depends on the value, and again with a new value if the server turns out to serve another model.</summary>
    /// <param name="operation">The operation; it must clean up after itself when it throws.</param>
    /// <param name="mayRepeat">Whether the operation may run again with the model that is served now; called after the value has been discarded. Null
    /// allows it always.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public async Task<TResult> UseAsync<TResult>(
        Func<T, CancellationToken, Task<TResult>> operation, Func<T, VllmModelChangedException, bool>? mayRepeat, CancellationToken cancellationToken)
    {
        for (var renewals = 0; ; renewals++)
        {
            var value = await GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await operation(value, cancellationToken).ConfigureAwait(false);
            }
            catch (VllmModelChangedException changed)
            {
                Invalidate(value);
                if (mayRepeat?.Invoke(value, changed) == false || renewals == MaxRenewals)
                {
                    throw;
                }
            }
        }
    }

    private async Task<T> LoadAsync()
    {
        for (var renewals = 0; ; renewals++)
        {
            try
            {
                return await load(disposing).ConfigureAwait(false);
            }
            catch (VllmModelChangedException) when (renewals < MaxRenewals)
            {
                // The server's model changed while its files were read.
            }
            catch (OperationCanceledException) when (disposing.IsCancellationRequested)
            {
                throw new ObjectDisposedException(typeof(T).Name, "The client was disposed while it loaded the model.");
            }
        }
    }
}

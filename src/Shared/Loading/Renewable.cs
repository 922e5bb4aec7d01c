using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Shared;

/// <summary>
/// A value that belongs to one served model: loaded when first needed and by one caller for all, forgotten when the model has changed, loaded again
/// then. A failure is not remembered, and a caller who gives up waiting does not stop the load for the others. Thread-safe.
/// </summary>
/// <param name="load">Loads the value; the token is that of the whole, not a caller's.</param>
/// <param name="disposing">Ends loads under way; callers who wait get an <see cref="ObjectDisposedException"/>.</param>
internal sealed class Renewable<T>(Func<CancellationToken, Task<T>> load, CancellationToken disposing = default)
    where T : class
{
    /// <summary>How often one request, or one load, may find that the server has another model than it began with.</summary>
    private const int MaxRenewals = 3;

    private readonly Lock _gate = new();
    private Task<T>? _task;

    /// <summary>The value if it is there already.</summary>
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

                // On the pool: a load may compute for a moment, which no caller's thread should pay.
                Volatile.Write(ref _task, Task.Run(LoadAsync, CancellationToken.None));

                // Everybody who waits may give up before it fails.
                _ = _task!.ContinueWith(
                    static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            }

            task = _task;
        }

        return new(task!.WaitAsync(cancellationToken));
    }

    /// <summary>The value is stale; of many who find out together, the first has it loaded anew. True for that one.</summary>
    public bool Forget(T stale)
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

    /// <summary>
    /// Does what depends on the value, and again with a new one when the server turns out to have another model. This is the one loop for that.
    /// </summary>
    /// <param name="use">What to do; it must leave nothing behind when it throws.</param>
    /// <param name="mayRepeat">Whether it may be done again with the model that is served now; the value has been forgotten by then. Null is
    /// always.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<TResult> UseAsync<TResult>(
        Func<T, CancellationToken, Task<TResult>> use, Func<T, VllmModelChangedException, bool>? mayRepeat, CancellationToken cancellationToken)
    {
        for (var renewals = 0; ; renewals++)
        {
            var value = await GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await use(value, cancellationToken).ConfigureAwait(false);
            }
            catch (VllmModelChangedException changed)
            {
                Forget(value);
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
                // The server got another model while this one's files were read.
            }
            catch (OperationCanceledException) when (disposing.IsCancellationRequested)
            {
                throw new ObjectDisposedException(typeof(T).Name, "The client was disposed while it loaded the model.");
            }
        }
    }
}

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A value that is asked for once and shared. A failure is not remembered, and a caller who gives up waiting does not stop the lookup
/// for the others.
/// </summary>
internal sealed class CachedLookup<T>(Func<CancellationToken, Task<T>> load)
    where T : class
{
    private readonly Lock _gate = new();
    private Task<T>? _task;

    /// <summary>The value if it is there already.</summary>
    public T? Current => _task is { IsCompletedSuccessfully: true } task ? task.Result : null;

    public ValueTask<T> GetAsync(CancellationToken cancellationToken)
    {
        var task = _task;
        if (task is { IsCompletedSuccessfully: true })
        {
            return new(task.Result);
        }

        lock (_gate)
        {
            if (_task is null || _task.IsFaulted || _task.IsCanceled)
            {
                _task = Task.Run(() => load(CancellationToken.None), CancellationToken.None);
            }

            task = _task;
        }

        return new(task.WaitAsync(cancellationToken));
    }
}

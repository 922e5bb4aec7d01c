using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Generation;

/// <summary>The requests in the engine. Ids need not be unique: an Abort ends all requests with the same id, as in vLLM.</summary>
internal sealed class RunningRequests
{
    private readonly Lock _gate = new();
    private readonly HashSet<RunningRequest> _running = [];
    private TaskCompletionSource _idle = Completed();

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _running.Count;
            }
        }
    }

    public bool Contains(string id)
    {
        lock (_gate)
        {
            return _running.Any(running => running.Id == id);
        }
    }

    public RunningRequest Start(string id, CapturedRequest captured)
    {
        var running = new RunningRequest(id, captured);
        lock (_gate)
        {
            if (_running.Count == 0)
            {
                _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            _running.Add(running);
        }

        return running;
    }

    public void End(RunningRequest running)
    {
        lock (_gate)
        {
            _running.Remove(running);
            if (_running.Count == 0)
            {
                _idle.TrySetResult();
            }
        }
    }

    /// <summary>Aborts every running request with one of these ids and returns them; unknown ids are ignored.</summary>
    public IReadOnlyList<RunningRequest> Abort(IReadOnlyCollection<string> ids)
    {
        RunningRequest[] named;
        lock (_gate)
        {
            named = [.. _running.Where(running => ids.Contains(running.Id))];
        }

        foreach (var running in named)
        {
            running.Abort();
        }

        return named;
    }

    public void FailAll(RpcFailure failure)
    {
        RunningRequest[] all;
        lock (_gate)
        {
            all = [.. _running];
        }

        foreach (var running in all)
        {
            running.Fail(failure);
        }
    }

    public Task WaitUntilIdleAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _idle.Task.WaitAsync(cancellationToken);
        }
    }

    private static TaskCompletionSource Completed()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }
}

/// <summary>A request in the engine, which can be interrupted by an Abort call or the death of the engine.</summary>
internal sealed class RunningRequest(string id, CapturedRequest captured)
{
    private readonly TaskCompletionSource _interrupted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile RpcFailure? _failure;
    private volatile bool _aborted;

    public string Id { get; } = id;

    public CapturedRequest Captured { get; } = captured;

    public bool IsAborted => _aborted;

    public void Abort()
    {
        _aborted = true;
        _interrupted.TrySetResult();
    }

    public void Fail(RpcFailure failure)
    {
        _failure = failure;
        _interrupted.TrySetResult();
    }

    public void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw failure;
        }
    }

    /// <summary>Waits for a task; an interruption ends the wait early.</summary>
    public async Task WaitAsync(Task task, CancellationToken cancellationToken)
    {
        await Task.WhenAny(task, _interrupted.Task).WaitAsync(cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }
}

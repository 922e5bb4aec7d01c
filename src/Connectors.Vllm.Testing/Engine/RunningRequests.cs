using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>All requests in the engine. Ids need not be unique: an Abort ends all that share one, as in vLLM.</summary>
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

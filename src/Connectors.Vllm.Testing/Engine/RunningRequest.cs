using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>One request in the engine: an Abort call or the engine's death can interrupt it.</summary>
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

    /// <summary>Waits for a delay or a gate; an interruption ends the wait early.</summary>
    public async Task WaitAsync(Task task, CancellationToken cancellationToken)
    {
        await Task.WhenAny(task, _interrupted.Task).WaitAsync(cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }
}

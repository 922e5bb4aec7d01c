using System.Collections.Immutable;

namespace Connectors.Vllm.Testing.Generation;

/// <summary>The received requests, oldest first and bounded, and the callers that wait for one.</summary>
/// <param name="capacity">The maximum number of requests.</param>
/// <param name="decode">Decodes prompt ids.</param>
internal sealed class RequestLog(int capacity, Func<IReadOnlyList<int>, string> decode)
{
    // The wire size; messages and prompt ids need about three times as much in addition.
    private const long MaxBytes = 64L << 20;
    private readonly Lock _gate = new();
    private readonly Queue<CapturedRequest> _requests = new();
    private readonly List<(Func<CapturedRequest, bool> Predicate, TaskCompletionSource<CapturedRequest> Waiter)> _waiters = [];
    private long _bytes;
    private int _number;
    private int _cancelled;
    private int _aborted;

    public int Cancelled => Volatile.Read(ref _cancelled);

    public int Aborted => Volatile.Read(ref _aborted);

    public CapturedRequest Add(ReceivedCall call)
    {
        CapturedRequest captured;
        lock (_gate)
        {
            captured = new CapturedRequest(_number++, call, decode);
            _requests.Enqueue(captured);
            _bytes += call.Bytes.Length;
            while (_requests.Count > 1 && (_requests.Count > capacity || _bytes > MaxBytes))
            {
                _bytes -= _requests.Dequeue().Bytes.Length;
            }
        }

        return captured;
    }

    /// <summary>Notifies callers that wait for such a request; called when its prompt is known.</summary>
    public void Notify(CapturedRequest captured)
    {
        ImmutableArray<TaskCompletionSource<CapturedRequest>> satisfied;
        lock (_gate)
        {
            if (_waiters.Count == 0)
            {
                return;
            }

            satisfied = [.. _waiters.Where(waiter => waiter.Predicate(captured)).Select(waiter => waiter.Waiter)];
            _waiters.RemoveAll(waiter => satisfied.Contains(waiter.Waiter));
        }

        foreach (var waiter in satisfied)
        {
            waiter.TrySetResult(captured);
        }
    }

    public async Task<CapturedRequest> WaitAsync(Func<CapturedRequest, bool> predicate, CancellationToken cancellationToken)
    {
        var waiter = new TaskCompletionSource<CapturedRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_requests.FirstOrDefault(predicate) is { } known)
            {
                return known;
            }

            _waiters.Add((predicate, waiter));
        }

        try
        {
            return await waiter.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                _waiters.RemoveAll(entry => entry.Waiter == waiter);
            }
        }
    }

    public void CountCancelled(CapturedRequest captured)
    {
        Interlocked.Increment(ref _cancelled);
        captured.MarkCancelled();
    }

    public void CountAborted(CapturedRequest captured)
    {
        Interlocked.Increment(ref _aborted);
        captured.MarkAborted();
    }

    /// <summary>Marks the cancelled requests that an Abort names, because clients cancel the call first and abort afterwards.</summary>
    public void MarkAborted(IReadOnlyCollection<string> requestIds)
    {
        lock (_gate)
        {
            foreach (var request in _requests)
            {
                if (request.IsCancelled && requestIds.Contains(request.RequestId))
                {
                    request.MarkAborted();
                }
            }
        }
    }

    public IReadOnlyList<CapturedRequest> Snapshot()
    {
        lock (_gate)
        {
            return [.. _requests];
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _requests.Clear();
            _bytes = 0;
        }
    }
}

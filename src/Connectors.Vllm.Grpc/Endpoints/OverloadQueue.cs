namespace Connectors.Vllm.Grpc;

/// <summary>
/// The queue of requests to an overloaded server: refused requests wait until a running answer of this client ends, and new requests wait behind
/// them, so that a burst is not refused over and over. Thread-safe.
/// </summary>
internal sealed class OverloadQueue
{
    private readonly Lock _gate = new();
    private readonly LinkedList<TaskCompletionSource> _waiting = new();
    private int _running;

    /// <summary>Whether the server is answering requests of this client.</summary>
    public bool HasRunningAnswers
    {
        get
        {
            lock (_gate)
            {
                return _running > 0;
            }
        }
    }

    /// <summary>Called when an answer begins.</summary>
    public void AnswerStarted()
    {
        lock (_gate)
        {
            _running++;
        }
    }

    /// <summary>Called when an answer ends: the first request in the queue may proceed.</summary>
    public void AnswerEnded()
    {
        TaskCompletionSource? next = null;
        lock (_gate)
        {
            _running--;
            if (_waiting.First is { } first)
            {
                _waiting.RemoveFirst();
                next = first.Value;
            }
        }

        next?.TrySetResult();
    }

    /// <summary>
    /// Waits for a running answer to end. The wait is limited, because the server may be busy with requests of other clients, and then only a retry
    /// shows whether it accepts requests again.
    /// </summary>
    /// <param name="wasRefused">Whether the server refused the request; otherwise it waits only if others are already waiting.</param>
    /// <param name="limit">The longest wait.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public async Task WaitAsync(bool wasRefused, TimeSpan limit, CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> node;
        lock (_gate)
        {
            if (_running == 0 || (!wasRefused && _waiting.Count == 0))
            {
                return;
            }

            node = _waiting.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        try
        {
            await node.Value.Task.WaitAsync(limit, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Retry anyway.
        }
        finally
        {
            Remove(node);
        }
    }

    private void Remove(LinkedListNode<TaskCompletionSource> node)
    {
        lock (_gate)
        {
            if (node.List is not null)
            {
                _waiting.Remove(node);
            }
        }
    }
}

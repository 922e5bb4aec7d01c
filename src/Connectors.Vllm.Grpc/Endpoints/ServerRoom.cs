namespace Connectors.Vllm.Grpc;

/// <summary>
/// The places at a server that is full, as far as this client knows: requests that were refused wait in line for the end of an answer that is under
/// way, and new requests wait behind them, so that a burst is not refused again and again. Thread-safe.
/// </summary>
internal sealed class ServerRoom
{
    private readonly Lock _gate = new();
    private readonly LinkedList<TaskCompletionSource> _line = new();
    private int _answering;

    /// <summary>Answers to requests of this client are under way.</summary>
    public bool IsOccupied
    {
        get
        {
            lock (_gate)
            {
                return _answering > 0;
            }
        }
    }

    /// <summary>An answer has begun.</summary>
    public void Occupy()
    {
        lock (_gate)
        {
            _answering++;
        }
    }

    /// <summary>An answer is over: the first in line may try.</summary>
    public void Release()
    {
        TaskCompletionSource? next = null;
        lock (_gate)
        {
            _answering--;
            if (_line.First is { } first)
            {
                _line.RemoveFirst();
                next = first.Value;
            }
        }

        next?.TrySetResult();
    }

    /// <summary>
    /// Waits for a place, at most so long: others than this client's requests may hold the places, and then only trying tells.
    /// </summary>
    /// <param name="wasRefused">The request was refused before; else it waits only when others wait already.</param>
    /// <param name="limit">The longest wait.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public async Task EnterAsync(bool wasRefused, TimeSpan limit, CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> place;
        lock (_gate)
        {
            if (_answering == 0 || (!wasRefused && _line.Count == 0))
            {
                return;
            }

            place = _line.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        try
        {
            await place.Value.Task.WaitAsync(limit, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Try all the same.
        }
        finally
        {
            Leave(place);
        }
    }

    /// <summary>Who gives up its place in line passes on a turn that came too late for it.</summary>
    private void Leave(LinkedListNode<TaskCompletionSource> place)
    {
        lock (_gate)
        {
            if (place.List is not null)
            {
                _line.Remove(place);
            }
        }
    }
}

using System.Net.Http;
using Connectors.Vllm.Grpc;
using Grpc.Core;

namespace Connectors.Vllm.Batch;

/// <summary>
/// What a failure says about the next attempt. A whole answer is asked for and nothing of a broken one was handed out, so sending a request again is
/// always safe; the question is only whether it can help.
/// </summary>
internal static class Failures
{
    /// <summary>The same request may succeed later.</summary>
    public static bool MayPass(Exception exception) => exception switch
    {
        VllmRequestException or VllmConstraintException => IsOverload(exception),
        VllmConnectionException or VllmTimeoutException or VllmProtocolException or VllmModelChangedException => true,
        VllmException vllm => vllm.IsRetryable || vllm.IsEngineDead || vllm.StatusCode is StatusCode.Unavailable or StatusCode.Aborted
            or StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Internal,
        HttpRequestException or IOException or TimeoutException or TaskCanceledException => true,
        _ => false,
    };

    /// <summary>Nobody is there: waiting for the server is all that helps, and no request is to blame.</summary>
    public static bool IsOutage(Exception exception) =>
        (exception is VllmConnectionException && !IsOverload(exception))
            || exception is VllmException { IsEngineDead: true } or HttpRequestException { StatusCode: null };

    /// <summary>The server is there and has too much to do. vLLM's own words, where it has a queue limit.</summary>
    public static bool IsOverload(Exception exception) => exception is VllmException vllm
        && (vllm.StatusCode == StatusCode.ResourceExhausted
            || (vllm.StatusCode == StatusCode.Unavailable && vllm.ServerMessage.Contains("busy", StringComparison.OrdinalIgnoreCase)));
}

/// <summary>Waits between attempts: they double from half a second to half a minute, with a quarter of chance in them.</summary>
internal static class Backoff
{
    public static TimeSpan Of(int attempt)
    {
        var seconds = Math.Min(30, 0.5 * Math.Pow(2, Math.Min(attempt, 10) - 1));
        return TimeSpan.FromSeconds(seconds * (0.75 + (Random.Shared.NextDouble() / 2)));
    }
}

/// <summary>Starts no more requests per second than wanted. One caller at a time.</summary>
internal sealed class Pace(double? perSecond, TimeProvider clock)
{
    private readonly long _start = clock.GetTimestamp();
    private TimeSpan _next;

    public Task WaitAsync(CancellationToken cancellationToken)
    {
        if (perSecond is not { } rate)
        {
            return Task.CompletedTask;
        }

        // Time that was not used is gone: a pause is not followed by a burst.
        var now = clock.GetElapsedTime(_start);
        var due = _next > now ? _next : now;
        _next = due + TimeSpan.FromSeconds(1 / rate);
        return due > now ? Task.Delay(due - now, clock, cancellationToken) : Task.CompletedTask;
    }
}

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

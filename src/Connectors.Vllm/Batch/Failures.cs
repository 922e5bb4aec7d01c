using System.Net.Http;
using Connectors.Vllm.Grpc;
using Grpc.Core;

namespace Connectors.Vllm.Batch;

/// <summary>
/// Classifies failures. Requests of a batch do not stream, and partial answers are not returned, so retrying is always safe; the only question is
/// whether it can help.
/// </summary>
internal static class Failures
{
    /// <summary>Whether the same request may succeed later.</summary>
    public static bool IsTransient(Exception exception) => exception switch
    {
        VllmRequestException or VllmConstraintException => IsOverload(exception),
        VllmConnectionException or VllmTimeoutException or VllmProtocolException or VllmModelChangedException => true,
        VllmException vllm => vllm.IsRetryable || vllm.IsEngineDead || vllm.StatusCode is StatusCode.Unavailable or StatusCode.Aborted
            or StatusCode.ResourceExhausted or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Internal,
        HttpRequestException or IOException or TimeoutException or TaskCanceledException => true,
        _ => false,
    };

    /// <summary>Whether the server cannot be reached, in which case only waiting helps and no request is at fault.</summary>
    public static bool IsOutage(Exception exception) =>
        (exception is VllmConnectionException && !IsOverload(exception))
            || exception is VllmException { IsEngineDead: true } or HttpRequestException { StatusCode: null };

    /// <summary>Whether the server is overloaded; with a queue limit, vLLM reports this as UNAVAILABLE with a message.</summary>
    public static bool IsOverload(Exception exception) => exception is VllmException vllm
        && (vllm.StatusCode == StatusCode.ResourceExhausted
            || (vllm.StatusCode == StatusCode.Unavailable && vllm.ServerMessage.Contains("busy", StringComparison.OrdinalIgnoreCase)));
}

/// <summary>The delays between attempts: doubled from half a second to half a minute, with a random variation of a quarter.</summary>
internal static class Backoff
{
    public static TimeSpan Of(int attempt)
    {
        var seconds = Math.Min(30, 0.5 * Math.Pow(2, Math.Min(attempt, 10) - 1));
        return TimeSpan.FromSeconds(seconds * (0.75 + (Random.Shared.NextDouble() / 2)));
    }
}

/// <summary>Limits the number of requests started per second. For one caller at a time.</summary>
internal sealed class RequestRateLimiter(double? perSecond, TimeProvider clock)
{
    private readonly long _start = clock.GetTimestamp();
    private TimeSpan _next;

    public Task WaitAsync(CancellationToken cancellationToken)
    {
        if (perSecond is not { } rate)
        {
            return Task.CompletedTask;
        }

        // Unused time does not accumulate, so that a pause is not followed by a burst.
        var now = clock.GetElapsedTime(_start);
        var due = _next > now ? _next : now;
        _next = due + TimeSpan.FromSeconds(1 / rate);
        return due > now ? Task.Delay(due - now, clock, cancellationToken) : Task.CompletedTask;
    }
}

/// <summary>
/// Closed while the server cannot be reached. One request probes the server repeatedly and the others wait, so that a starting server does not
/// receive hundreds of requests at once. After the maximum outage, all requests fail. Thread-safe.
/// </summary>
internal sealed class OutageGate(TimeSpan maxOutage, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _closed;
    private object? _prober;
    private long _since;
    private int _probes;

    /// <summary>The failure after the maximum outage; otherwise null.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Waits while the gate is closed.</summary>
    public Task WaitAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _closed?.Task.WaitAsync(cancellationToken) ?? Task.CompletedTask;
        }
    }

    /// <summary>Called when the server has answered, even with an error.</summary>
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

    /// <summary>Called when a request could not reach the server; waits until the request should be sent again.</summary>
    /// <param name="request">The request; the same object for each attempt.</param>
    /// <param name="exception">The failure.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>False after the maximum outage.</returns>
    public async Task<bool> WaitForRetryAsync(object request, Exception exception, CancellationToken cancellationToken)
    {
        Task turn;
        lock (_gate)
        {
            if (_closed is null)
            {
                _closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _since = clock.GetTimestamp();
            }

            if (Failure is not null || clock.GetElapsedTime(_since) > maxOutage)
            {
                Failure ??= exception;
                return false;
            }

            _prober ??= request;
            turn = ReferenceEquals(_prober, request)
                ? Task.Delay(Backoff.Of(++_probes), clock, cancellationToken)
                : _closed.Task.WaitAsync(cancellationToken);
        }

        await turn.ConfigureAwait(false);
        return true;
    }
}

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

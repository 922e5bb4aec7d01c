using System.Diagnostics;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>One attempt of a request at one server.</summary>
/// <param name="Endpoint">The server.</param>
/// <param name="Server">The protocol and the epoch detected for it.</param>
/// <param name="Number">The zero-based number of the attempt.</param>
/// <param name="SendPermit">Limits concurrent sends; null for operations that send no message made for a particular server.</param>
internal readonly record struct Attempt(ServerEndpoint Endpoint, DetectedServer Server, int Number, SendPermit? SendPermit);

/// <summary>
/// Decides what follows a failure: detect the same server again, try another server at once, retry the same one after a delay, or throw to the
/// caller. Everything before the first token of an answer goes through this loop; nothing after it is retried.
/// </summary>
internal sealed class CallLoop
{
    /// <summary>
    /// How often one request may be held back because a connection was opened in the meantime; a burst of requests opens many at once.
    /// </summary>
    private const int MaxRenewals = 100;

    /// <summary>The message of a server that listens before its model is loaded.</summary>
    private const string LoadingText = "engine is still connecting";

    private readonly EndpointSelector _endpoints;
    private readonly VllmRetryOptions _retry;
    private readonly ILogger _logger;

    public CallLoop(EndpointSelector endpoints, VllmRetryOptions retry, ILogger logger)
    {
        _endpoints = endpoints;
        _retry = retry;
        _logger = logger;
    }

    /// <summary>
    /// Runs an operation at a server. The caller gets the lease with the result, because the server counts as busy for as long as a returned call
    /// runs.
    /// </summary>
    /// <param name="promptIds">The prompt; empty when there is none.</param>
    /// <param name="preferred">The address to try first; null for any.</param>
    /// <param name="needsSendPermit">Whether the operation sends a message made for the server it is given.</param>
    /// <param name="operation">The operation; it must clean up after itself when it throws.</param>
    /// <param name="cancellationToken">Cancels the attempt, or the delay before the next one.</param>
    public async Task<(T Result, EndpointLease Lease)> RunAsync<T>(
        ReadOnlyMemory<int> promptIds,
        Uri? preferred,
        bool needsSendPermit,
        Func<Attempt, CancellationToken, Task<T>> operation,
        CancellationToken cancellationToken)
    {
        var state = new State();
        while (true)
        {
            var lease = _endpoints.Acquire(promptIds.Span, state.Failed, preferred);
            TimeSpan delay;
            try
            {
                await lease.Endpoint.OverloadQueue.WaitAsync(state.WasOverloaded, _retry.MaxDelay, cancellationToken).ConfigureAwait(false);
                var result = await ExecuteAsync(lease.Endpoint, state, needsSendPermit, operation, cancellationToken).ConfigureAwait(false);
                lease.MarkAnswered();
                return (result, lease);
            }
            catch (VllmException exception)
            {
                lease.Dispose();
                if (GetRetryDelay(exception, lease.Endpoint, state) is not { } wait)
                {
                    throw;
                }

                delay = wait;
            }
            catch
            {
                lease.Dispose();
                throw;
            }

            if (delay > TimeSpan.Zero)
            {
                await Task.Delay(delay, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Runs an operation at one server, and again if the server must be detected again: a connection was opened in the meantime, or the server now
    /// speaks another protocol.
    /// </summary>
    private static async Task<T> ExecuteAsync<T>(
        ServerEndpoint endpoint,
        State state,
        bool needsSendPermit,
        Func<Attempt, CancellationToken, Task<T>> operation,
        CancellationToken cancellationToken)
    {
        // Detected before a permit is acquired, so that all requests that wait for a hung server fail at the same time, not one after the other.
        await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false);
        using var permit = needsSendPermit ? await endpoint.AcquireSendPermitAsync(cancellationToken).ConfigureAwait(false) : null;
        while (true)
        {
            var server = await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await operation(new Attempt(endpoint, server, state.Attempts, permit), cancellationToken).ConfigureAwait(false);
            }
            catch (ConnectionRenewedException exception)
            {
                if (++state.Renewals == MaxRenewals)
                {
                    throw new VllmConnectionException(
                        $"Connections to {endpoint.Uri} are replaced repeatedly; the request was not sent.", exception)
                    {
                        StatusCode = StatusCode.Unavailable,
                        Endpoint = endpoint.Uri,
                        IsRetryable = true,
                    };
                }
            }
            catch (VllmRequestException exception)
                when (exception is { StatusCode: StatusCode.Unimplemented, Method: not null } && !state.HasRedetected)
            {
                // The server no longer has the method, so it did not process the request.
                state.HasRedetected = true;
                if (!endpoint.Invalidate(server)
                    || (await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false)).Protocol.Protocol == server.Protocol.Protocol)
                {
                    throw;
                }
            }
        }
    }

    /// <summary>
    /// Whether the server did not process the request (unreachable, refused, UNAVAILABLE), so that it can be retried there. A dead engine stays dead,
    /// and after any timeout other than that of the connection the server may still be working on the request.
    /// </summary>
    private static bool IsRetryable(VllmException exception) => exception switch
    {
        { IsEngineDead: true } => false,
        VllmTimeoutException { Kind: VllmTimeoutKind.Connect } => true,
        VllmTimeoutException => false,
        { IsRetryable: true, StatusCode: StatusCode.Unavailable or StatusCode.Aborted } => true,
        _ => false,
    };

    /// <summary>
    /// Whether another server may succeed: every failure that the same server can be retried for, and those that concern this server only.
    /// </summary>
    private static bool IsRetryableElsewhere(VllmException exception) =>
        IsRetryable(exception)
        || exception is VllmModelChangedException
            or { IsEngineDead: true }
            or { StatusCode: StatusCode.ResourceExhausted, IsRetryable: true, ServerMessage.Length: > 0 }
            or VllmTimeoutException { ServerMessage.Length: 0, Kind: not VllmTimeoutKind.Call }

            // The timeout of a whole generation is the caller's choice; that of a query (which has no request id) means that this server hangs.
            or VllmTimeoutException { ServerMessage.Length: 0, RequestId: null };

    /// <summary>Gets the delay before the next attempt; null if the failure goes to the caller.</summary>
    private TimeSpan? GetRetryDelay(VllmException exception, ServerEndpoint endpoint, State state)
    {
        endpoint.Observe(exception, _endpoints.MaySetAside(endpoint));
        state.Failed.Add(endpoint);
        TimeSpan? delay = null;
        if (GetWaitDelay(exception, state) is { } waiting && !_endpoints.HasOther(state.Failed))
        {
            // While the server answers other requests of this client, the end of one of them is a better signal than any delay; the overload queue
            // waits for it.
            state.WasOverloaded = exception.IsOverloaded && endpoint.OverloadQueue.HasRunningAnswers;
            delay = state.WasOverloaded ? TimeSpan.Zero : waiting;
            state.Failed.Clear();
        }
        else if (IsRetryableElsewhere(exception) && _endpoints.HasOther(state.Failed))
        {
            delay = TimeSpan.Zero;
        }
        else if (!exception.IsOverloaded && IsRetryable(exception) && state.Retries < _retry.MaxRetries)
        {
            delay = Backoff(state.Retries++);
            state.Failed.Clear();
        }

        if (delay is { } wait && exception is not VllmModelChangedException)
        {
            state.Attempts++;
            EngineTelemetry.Retries.Add(1);
            Log.Retrying(_logger, endpoint.Uri, exception.Method ?? "-", exception.RequestId ?? "-", (long)wait.TotalMilliseconds, exception);
        }

        return delay;
    }

    /// <summary>Gets the next delay for a server that is overloaded or still loading; null if it is neither, or the time limit has passed.</summary>
    private TimeSpan? GetWaitDelay(VllmException exception, State state)
    {
        var limit = exception.IsOverloaded ? _retry.OverloadTimeout
            : exception.ServerMessage.Contains(LoadingText, StringComparison.Ordinal) ? _retry.WaitForReady
            : TimeSpan.Zero;
        if (limit <= TimeSpan.Zero)
        {
            return null;
        }

        var remaining = limit - state.Elapsed;
        return remaining <= TimeSpan.Zero ? null : TimeSpan.FromTicks(Math.Min(Backoff(Math.Min(state.Waits++, 16)).Ticks, remaining.Ticks));
    }

    /// <summary>Exponential backoff up to the maximum delay; half of it is random, so that clients do not retry at the same time.</summary>
    private TimeSpan Backoff(int retry)
    {
        var delay = Math.Min(_retry.BaseDelay.TotalMilliseconds * Math.Pow(2, retry), _retry.MaxDelay.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(delay * (0.5 + (Random.Shared.NextDouble() / 2)));
    }

    private sealed class State
    {
        public List<ServerEndpoint> Failed { get; } = [];

        private readonly long _started = Stopwatch.GetTimestamp();

        public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

        /// <summary>The number of waits for a server that is overloaded or loading.</summary>
        public int Waits { get; set; }

        /// <summary>Whether the last server was overloaded while it answered other requests of this client.</summary>
        public bool WasOverloaded { get; set; }

        public int Attempts { get; set; }

        public int Retries { get; set; }

        public int Renewals { get; set; }

        public bool HasRedetected { get; set; }
    }
}

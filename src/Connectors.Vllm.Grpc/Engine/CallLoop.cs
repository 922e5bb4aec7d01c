using System.Diagnostics;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>One attempt at one server: what is known of it, and which attempt this is.</summary>
/// <param name="Endpoint">The server.</param>
/// <param name="Server">What is known of it.</param>
/// <param name="Number">The zero-based index of the choice.</param>
/// <param name="Turn">The right to send; null for what sends no message that was made for one server.</param>
internal readonly record struct Attempt(ServerEndpoint Endpoint, KnownServer Server, int Number, SendTurn? Turn);

/// <summary>
/// The one loop that decides what follows a failure: the same server looked at anew, another server at once, the same again after a pause, or the
/// exception to the caller. Everything that happens before the first token of an answer goes through it; nothing after that is repeated.
/// </summary>
internal sealed class CallLoop
{
    /// <summary>How often one request may find that a connection was opened in between: bursts of requests open many at once.</summary>
    private const int MaxRenewals = 100;

    /// <summary>What a server says that listens before its model is loaded.</summary>
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
    /// Acts at a server. The lease goes to the caller with the result: a server keeps counting as busy while a call that was returned runs.
    /// </summary>
    /// <param name="promptIds">The prompt; empty when there is none.</param>
    /// <param name="preferred">The address to ask first; null for any.</param>
    /// <param name="sends">Whether it sends a message that was made for the server it is given, and so takes its turn.</param>
    /// <param name="act">What to do; it must leave nothing behind when it throws.</param>
    /// <param name="cancellationToken">Ends the attempt, or the pause before the next one.</param>
    public async Task<(T Result, EndpointLease Lease)> RunAsync<T>(
        ReadOnlyMemory<int> promptIds, Uri? preferred, bool sends, Func<Attempt, CancellationToken, Task<T>> act, CancellationToken cancellationToken)
    {
        var state = new State();
        while (true)
        {
            var lease = _endpoints.Take(promptIds.Span, state.Failed, preferred);
            TimeSpan pause;
            try
            {
                await lease.Endpoint.Room.EnterAsync(state.WasRefused, _retry.MaxDelay, cancellationToken).ConfigureAwait(false);
                var result = await ActAsync(lease.Endpoint, state, sends, act, cancellationToken).ConfigureAwait(false);
                lease.MarkAnswered();
                return (result, lease);
            }
            catch (VllmException exception)
            {
                lease.Dispose();
                if (Decide(exception, lease.Endpoint, state) is not { } wait)
                {
                    throw;
                }

                pause = wait;
            }
            catch
            {
                lease.Dispose();
                throw;
            }

            if (pause > TimeSpan.Zero)
            {
                await Task.Delay(pause, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Acts at one server, again when it has to be looked at anew: a connection was opened in between, or it speaks another protocol by now.
    /// </summary>
    private static async Task<T> ActAsync<T>(
        ServerEndpoint endpoint, State state, bool sends, Func<Attempt, CancellationToken, Task<T>> act, CancellationToken cancellationToken)
    {
        // Looked at before it takes its turn: of many that wait for a server that hangs, all are to find out at once.
        await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false);
        using var turn = sends ? await endpoint.TakeTurnAsync(cancellationToken).ConfigureAwait(false) : null;
        while (true)
        {
            var server = await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await act(new Attempt(endpoint, server, state.Attempts, turn), cancellationToken).ConfigureAwait(false);
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
                when (exception is { StatusCode: StatusCode.Unimplemented, Method: not null } && !state.HasAskedAnew)
            {
                // A method that the server had is gone; nothing was done.
                state.HasAskedAnew = true;
                if (!endpoint.Forget(server)
                    || (await endpoint.GetServerAsync(cancellationToken).ConfigureAwait(false)).Protocol.Protocol == server.Protocol.Protocol)
                {
                    throw;
                }
            }
        }
    }

    /// <summary>
    /// Whether the server did not work on the request (unreachable, refused, UNAVAILABLE), so that the same one may be asked again. A dead engine
    /// stays dead, and a limit of time, except for the connection's, may have left work behind.
    /// </summary>
    private static bool MayAskAgain(VllmException exception) => exception switch
    {
        { IsEngineDead: true } => false,
        VllmTimeoutException { Kind: VllmTimeoutKind.Connect } => true,
        VllmTimeoutException => false,
        { IsRetryable: true, StatusCode: StatusCode.Unavailable or StatusCode.Aborted } => true,
        _ => false,
    };

    /// <summary>Whether another server may do better: what the same one may be asked again for, and what is this server's own trouble.</summary>
    private static bool MayAskAnother(VllmException exception) =>
        MayAskAgain(exception)
        || exception is VllmModelChangedException
            or { IsEngineDead: true }
            or { StatusCode: StatusCode.ResourceExhausted, IsRetryable: true, ServerMessage.Length: > 0 }
            or VllmTimeoutException { ServerMessage.Length: 0, Kind: not VllmTimeoutKind.Call }

            // The limit of a whole request is the caller's, not the server's trouble; that of a question about the server is.
            or VllmTimeoutException { ServerMessage.Length: 0, RequestId: null };

    /// <summary>The pause before the next attempt; null when the failure is the caller's.</summary>
    private TimeSpan? Decide(VllmException exception, ServerEndpoint endpoint, State state)
    {
        endpoint.Observe(exception, _endpoints.MaySetAside(endpoint));
        state.Failed.Add(endpoint);
        TimeSpan? pause = null;
        if (WaitFor(exception, state) is { } waiting && !_endpoints.HasOther(state.Failed))
        {
            // If answers of this client are in progress, the end of one is a better signal than any delay; EnterAsync waits for it.
            state.WasRefused = exception.IsOverloaded && endpoint.Room.IsOccupied;
            pause = state.WasRefused ? TimeSpan.Zero : waiting;
            state.Failed.Clear();
        }
        else if (MayAskAnother(exception) && _endpoints.HasOther(state.Failed))
        {
            pause = TimeSpan.Zero;
        }
        else if (!exception.IsOverloaded && MayAskAgain(exception) && state.Retries < _retry.MaxRetries)
        {
            pause = Backoff(state.Retries++);
            state.Failed.Clear();
        }

        if (pause is { } wait && exception is not VllmModelChangedException)
        {
            state.Attempts++;
            EngineTelemetry.Retries.Add(1);
            Log.Retrying(_logger, exception.RequestId ?? string.Empty, endpoint.Uri, wait.TotalMilliseconds, exception);
        }

        return pause;
    }

    /// <summary>The next delay for a server that is full or still loading; null when it is neither, or its time is over.</summary>
    private TimeSpan? WaitFor(VllmException exception, State state)
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

    /// <summary>Doubles from the base delay to the longest, and half of it is chance, so that clients do not come back together.</summary>
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

        /// <summary>Waits for a server that is full or loading.</summary>
        public int Waits { get; set; }

        /// <summary>The last server was full while it answered others of our requests.</summary>
        public bool WasRefused { get; set; }

        public int Attempts { get; set; }

        public int Retries { get; set; }

        public int Renewals { get; set; }

        public bool HasAskedAnew { get; set; }
    }
}

using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The protocol of the process behind an address, and the channel's epoch when it was detected: later, the address may lead to another process with
/// another protocol or model.
/// </summary>
internal sealed record DetectedServer(IServerProtocol Protocol, int Epoch);

/// <summary>One server: its channel, its protocol, the number of requests in flight and whether it is set aside. Thread-safe.</summary>
internal sealed class ServerEndpoint : IDisposable
{
    /// <summary>The number of consecutive failures, possibly caused by the requests, after which the server is set aside.</summary>
    private const int MaxSuspectFailures = 3;

    /// <summary>A server that fails repeatedly is set aside for up to this many probe intervals.</summary>
    private const int MaxBackoff = 12;

    /// <summary>
    /// The maximum number of messages that wait for a stream. A free stream takes a message at once, so a few permits are enough for any rate.
    /// </summary>
    private const int MaxPendingSends = 8;

    private readonly VllmConnectionOptions _options;
    private readonly ILogger _logger;
    private readonly Renewable<DetectedServer> _server;
    private int _outstanding;
    private long _setAsideUntil;
    private int _failures;
    private int _backoff;
    private readonly SemaphoreSlim _sendPermits = new(MaxPendingSends);
    private int _probing;
    private long _nextProbe;
    private int _probingWhileWaiting;
    private VllmProtocol _lastProtocol;

    public ServerEndpoint(ServerChannel channel, ILogger logger)
    {
        Channel = channel;
        _options = channel.Options;
        _logger = logger;
        _lastProtocol = _options.Protocol;
        _server = new Renewable<DetectedServer>(DetectAsync);
        _nextProbe = Environment.TickCount64 + (long)_options.ProbeInterval.TotalMilliseconds;
    }

    public ServerChannel Channel { get; }

    /// <summary>The language in which this server's engine accepts constraints.</summary>
    public ConstraintLanguage ConstraintLanguage { get; } = new();

    public Uri Uri => Channel.Endpoint;

    /// <summary>The requests that wait because the server reported that it is overloaded.</summary>
    public OverloadQueue OverloadQueue { get; } = new();

    /// <summary>The number of requests of this client in flight at the server.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    public bool IsSetAside => Volatile.Read(ref _setAsideUntil) != 0;

    /// <summary>The last detected protocol; it is kept during an outage.</summary>
    public VllmProtocol Protocol => _server.Current?.Protocol.Protocol ?? _lastProtocol;

    /// <summary>Gets the detected server; detects it again if the address may lead to another process by now.</summary>
    public ValueTask<DetectedServer> GetServerAsync(CancellationToken cancellationToken)
    {
        Channel.AdvanceEpochIfSilent();
        if (_server.Current is { } known && known.Epoch != Channel.Epoch)
        {
            _server.Invalidate(known);
        }

        return _server.GetAsync(cancellationToken);
    }

    /// <summary>
    /// Called when the server no longer has a method, which means that it was replaced by another version: its protocol will be detected again.
    /// Returns false if the options fix the protocol.
    /// </summary>
    public bool Invalidate(DetectedServer known)
    {
        if (_options.Protocol != VllmProtocol.Auto)
        {
            return false;
        }

        if (_server.Invalidate(known))
        {
            Log.ProtocolForgotten(_logger, Uri, known.Protocol.Protocol);
        }

        return true;
    }

    public void AddRequest() => Interlocked.Increment(ref _outstanding);

    public void RemoveRequest() => Interlocked.Decrement(ref _outstanding);

    /// <summary>Records how a call failed; a server that is down is set aside.</summary>
    /// <param name="exception">The failure.</param>
    /// <param name="maySetAside">Whether it may be set aside for an inconclusive failure: not if too many others already are.</param>
    public void Observe(Exception exception, bool maySetAside)
    {
        var kind = FailureKinds.Of(exception);
        var isSuspect = kind == FailureKind.Suspect && Interlocked.Increment(ref _failures) >= MaxSuspectFailures;
        if (kind == FailureKind.Down || (maySetAside && (kind == FailureKind.Hung || isSuspect)))
        {
            SetAside(exception.Message);
        }

        if (kind != FailureKind.None)
        {
            Channel.AdvanceEpoch();
        }

        // It may come back as another version or with another model, even behind a proxy that keeps its connection open. A refusal with a reason
        // (overloaded, draining) shows that the process is still the same.
        if (kind == FailureKind.Down && _server.Current is { } known)
        {
            _server.Invalidate(known);
        }
    }

    /// <summary>Called when a generation has produced its first token.</summary>
    public void MarkWorking()
    {
        Volatile.Write(ref _failures, 0);
        Volatile.Write(ref _backoff, 0);
        Restore(Volatile.Read(ref _setAsideUntil));
    }

    /// <summary>
    /// Checks the server's health in the background if the probe interval has passed: a server that was set aside is used again if it is healthy, and
    /// one that shuts down or still loads is set aside.
    /// </summary>
    public void ProbeIfDue()
    {
        var until = Volatile.Read(ref _setAsideUntil);
        var due = until != 0 ? until : Volatile.Read(ref _nextProbe);
        if (Environment.TickCount64 >= due && (until != 0 || _options.ProbeInterval > TimeSpan.Zero) && Interlocked.Exchange(ref _probing, 1) == 0)
        {
            _ = Task.Run(() => ProbeAsync(until));
        }
    }

    /// <summary>
    /// Acquires a permit, which is held until the message is written. If a server allows few streams per connection, the channel opens another
    /// connection for the waiting calls, and that holds back every message made before, at the cost of a reset. So only a few calls wait in the
    /// channel, and the others wait for a permit. Null if none is available in time, because the holders may be waiting for a hung server.
    /// </summary>
    public async Task<SendPermit?> AcquireSendPermitAsync(CancellationToken cancellationToken) =>
        Channel.TracksConnections && await _sendPermits.WaitAsync(_options.ConnectTimeout, cancellationToken).ConfigureAwait(false)
            ? new SendPermit(_sendPermits)
            : null;

    public void Dispose() => Channel.Dispose();

    /// <summary>
    /// The time increases with each consecutive failure, so that a server that passes its probe and then fails again is not tried again at the same
    /// rate.
    /// </summary>
    private void SetAside(string reason)
    {
        var wasAside = IsSetAside;
        if (!wasAside)
        {
            Log.SetAside(_logger, Uri, reason);
            Interlocked.Increment(ref _backoff);
        }

        Volatile.Write(ref _setAsideUntil, NextProbe());
    }

    private long NextProbe()
    {
        var factor = Math.Clamp(1 << Math.Clamp(Volatile.Read(ref _backoff) - 1, 0, 8), 1, MaxBackoff);
        return Math.Max(1, Environment.TickCount64 + (long)(_options.ProbeInterval.TotalMilliseconds * factor));
    }

    private void Restore(long until)
    {
        if (until != 0 && Interlocked.CompareExchange(ref _setAsideUntil, 0, until) == until)
        {
            Log.Returned(_logger, Uri);
        }
    }

    /// <summary>Gets the server's health; a server that cannot be reached is reported as unhealthy.</summary>
    public async Task<VllmHealth> CheckHealthAsync(CancellationToken cancellationToken)
    {
        try
        {
            var server = await GetServerAsync(cancellationToken).ConfigureAwait(false);
            var health = await server.Protocol.HealthAsync(cancellationToken).ConfigureAwait(false) with { Endpoint = Uri };
            if (!health.IsHealthy && !IsSetAside)
            {
                // It is still loading, or shutting down and still answering: other servers come first.
                SetAside(health.Message);
            }

            return health;
        }
        catch (VllmRequestException exception) when (exception.StatusCode == StatusCode.Unimplemented)
        {
            return new VllmHealth(true, "The server has no health service, but it answers.") { Endpoint = Uri };
        }
        catch (VllmException exception)
        {
            Observe(exception, maySetAside: false);
            return new VllmHealth(false, exception.Message) { Endpoint = Uri, Exception = exception };
        }
    }

    /// <summary>
    /// Gets the health of a server that a request waits for; null if it cannot be reached, or if another waiting request is already probing it.
    /// </summary>
    public async Task<VllmHealth?> ProbeWhileWaitingAsync()
    {
        if (Interlocked.Exchange(ref _probingWhileWaiting, 1) != 0)
        {
            return null;
        }

        try
        {
            using var limit = new CancellationTokenSource(_options.ConnectTimeout);
            var health = await CheckHealthAsync(limit.Token).ConfigureAwait(false);
            return health.Exception is null ? health : null;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        finally
        {
            Volatile.Write(ref _probingWhileWaiting, 0);
        }
    }

    private async Task ProbeAsync(long until)
    {
        try
        {
            if ((await CheckHealthAsync(CancellationToken.None).ConfigureAwait(false)).IsHealthy)
            {
                Restore(until);
            }
            else
            {
                // Only if the state is unchanged: a call may have shown in the meantime that the server works, or that it does not.
                Interlocked.CompareExchange(ref _setAsideUntil, NextProbe(), until);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
        }
        finally
        {
            Volatile.Write(ref _nextProbe, Environment.TickCount64 + (long)_options.ProbeInterval.TotalMilliseconds);
            Volatile.Write(ref _probing, 0);
        }
    }

    private async Task<DetectedServer> DetectAsync(CancellationToken cancellationToken)
    {
        var protocol = _options.Protocol;
        if (protocol == VllmProtocol.Auto)
        {
            protocol = await ProtocolDetector.DetectAsync(Channel, cancellationToken).ConfigureAwait(false);
            Log.ProtocolDetected(_logger, Uri, protocol);
        }

        _lastProtocol = protocol;
        return new DetectedServer(
            protocol == VllmProtocol.VllmEngine ? new VllmEngineProtocol(Channel) : new InferenceProtocol(Channel, protocol), Channel.Epoch);
    }
}

/// <summary>What a failure says about the server.</summary>
internal enum FailureKind
{
    /// <summary>Nothing: the request was invalid, or the caller cancelled it.</summary>
    None,

    /// <summary>Inconclusive: the request may be at fault, or the failure may be transient.</summary>
    Suspect,

    /// <summary>It accepts calls and does not answer them.</summary>
    Hung,

    /// <summary>It cannot be reached, or its engine has died.</summary>
    Down,
}

internal static class FailureKinds
{
    public static FailureKind Of(Exception exception) => exception switch
    {
        VllmException { IsEngineDead: true } => FailureKind.Down,

        // Overloaded or still loading: the server is fine, and what was detected remains valid.
        VllmException { IsOverloaded: true } => FailureKind.None,
        VllmConnectionException { ServerMessage: var message }
            when message.Contains("engine is still connecting", StringComparison.Ordinal) => FailureKind.None,
        VllmConnectionException { ServerMessage: var message }
            when message.StartsWith("servicer shutting down", StringComparison.Ordinal) => FailureKind.Down,
        VllmTimeoutException { Kind: VllmTimeoutKind.Connect } => FailureKind.Down,
        VllmTimeoutException { Kind: VllmTimeoutKind.Call, RequestId: not null } => FailureKind.None,
        VllmTimeoutException { ServerMessage.Length: 0 } => FailureKind.Hung,
        VllmConnectionException { StatusCode: StatusCode.Unavailable, ServerMessage.Length: 0 } => FailureKind.Down,
        VllmConnectionException { StatusCode: StatusCode.Cancelled } => FailureKind.None,
        VllmProtocolException or VllmConnectionException => FailureKind.Suspect,
        VllmException { StatusCode: StatusCode.Internal or StatusCode.Unknown }
            and not (VllmRequestException or VllmConstraintException) => FailureKind.Suspect,
        _ => FailureKind.None,
    };
}

/// <summary>
/// Tracks which of a constraint's two languages a server's engine compiles. An engine creates its grammar compiler at the first constrained request
/// after its start, whoever sent it, and keeps it; only xgrammar compiles structural tags. The language that was accepted last is sent until it
/// fails, because a restart of the engine can change the compiler. Thread-safe.
/// </summary>
internal sealed class ConstraintLanguage
{
    private const int Unknown = 0;
    private const int First = 1;
    private const int Alternative = 2;
    private int _accepted = Unknown;

    /// <summary>Gets the constraint to send to the server.</summary>
    /// <param name="constraint">A constraint, with an alternative or without one.</param>
    /// <param name="protocol">The server's protocol. The front end of the Inference protocol always chooses llguidance.</param>
    public OutputConstraint Choose(OutputConstraint constraint, VllmProtocol protocol)
    {
        var accepted = Volatile.Read(ref _accepted);
        var isAlternative = accepted == Unknown ? protocol is VllmProtocol.Inference or VllmProtocol.LegacyInference : accepted == Alternative;
        return isAlternative && constraint.Alternative is { } alternative ? alternative : constraint;
    }

    /// <summary>Gets the one of the two that was not sent.</summary>
    public static OutputConstraint Other(OutputConstraint constraint, OutputConstraint sent) =>
        ReferenceEquals(sent, constraint) ? constraint.Alternative! : constraint;

    /// <summary>Records that the server accepted this one after it had refused the other.</summary>
    public void Remember(OutputConstraint constraint, OutputConstraint accepted) =>
        Volatile.Write(ref _accepted, ReferenceEquals(accepted, constraint) ? First : Alternative);

    /// <summary>Creates the exception for a constraint that was refused in both languages.</summary>
    public static VllmConstraintException BothRefused(
        OutputConstraint constraint, VllmConstraintException first, VllmConstraintException second) => new(
        $"The server at {second.Endpoint} cannot compile the constraint in either language. {first.Constraint?.Kind}: {Describe(first)} "
        + $"{second.Constraint?.Kind}: {Describe(second)} An engine keeps the grammar compiler that its first constrained request selected, "
        + "whichever client sent it (a schema with 'multipleOf', for example, selects llguidance, which cannot compile structural tags; older "
        + "servers compile nothing else). "
        + "After a restart of the engine, the next constrained request selects it again.",
        second)
    {
        Constraint = constraint,
        StatusCode = second.StatusCode,
        ServerMessage = second.ServerMessage,
        Method = second.Method,
        RequestId = second.RequestId,
        Endpoint = second.Endpoint,
    };

    private static string Describe(VllmConstraintException exception) => exception.ServerMessage.Length > 0
        ? $"'{exception.ServerMessage}'."
        : exception.Message;
}

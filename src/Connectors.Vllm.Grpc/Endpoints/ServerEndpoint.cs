using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// What was found out about the process behind an address, and the channel's epoch at that time: later the address may lead to another process, with
/// another protocol or another model.
/// </summary>
internal sealed record KnownServer(IServerProtocol Protocol, int Epoch);

/// <summary>One server: its channel, what it speaks, how busy we keep it and whether it is set aside. Thread-safe.</summary>
internal sealed class ServerEndpoint : IDisposable
{
    /// <summary>Failures in a row that may be the request's fault as well, before the server is set aside for them.</summary>
    private const int MaxSuspectFailures = 3;

    /// <summary>A server that fails again and again is set aside for up to this many probe intervals.</summary>
    private const int MaxBackoff = 12;

    /// <summary>Messages on their way to a stream. With free streams each takes a moment, so that few are enough for any rate.</summary>
    private const int MaxSending = 8;

    private readonly VllmConnectionOptions _options;
    private readonly ILogger _logger;
    private readonly Renewable<KnownServer> _server;
    private int _outstanding;
    private long _setAsideUntil;
    private int _failures;
    private int _backoff;
    private readonly SemaphoreSlim _sending = new(MaxSending);
    private int _probing;
    private long _nextLook;
    private int _asking;
    private VllmProtocol _lastProtocol;

    public ServerEndpoint(ServerChannel channel, ILogger logger)
    {
        Channel = channel;
        _options = channel.Options;
        _logger = logger;
        _lastProtocol = _options.Protocol;
        _server = new Renewable<KnownServer>(FindOutAsync);
        _nextLook = Environment.TickCount64 + (long)_options.ProbeInterval.TotalMilliseconds;
    }

    public ServerChannel Channel { get; }

    /// <summary>In which language this server's engine takes constraints.</summary>
    public ConstraintLanguage ConstraintLanguage { get; } = new();

    public Uri Uri => Channel.Endpoint;

    /// <summary>Who waits for a place there, since it said that it is full.</summary>
    public ServerRoom Room { get; } = new();

    /// <summary>The requests of this client that are in flight there.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    public bool IsSetAside => Volatile.Read(ref _setAsideUntil) != 0;

    /// <summary>What was last found out; during an outage, what it was before.</summary>
    public VllmProtocol Protocol => _server.Current?.Protocol.Protocol ?? _lastProtocol;

    /// <summary>What is known of the server, found out anew when it may be another one by now.</summary>
    public ValueTask<KnownServer> GetServerAsync(CancellationToken cancellationToken)
    {
        Channel.DoubtIfSilent();
        if (_server.Current is { } known && known.Epoch != Channel.Epoch)
        {
            _server.Forget(known);
        }

        return _server.GetAsync(cancellationToken);
    }

    /// <summary>
    /// The server no longer knows a method it knew: it was replaced by another version. Asks anew; false when the protocol is forced.
    /// </summary>
    public bool Forget(KnownServer known)
    {
        if (_options.Protocol != VllmProtocol.Auto)
        {
            return false;
        }

        if (_server.Forget(known))
        {
            Log.ProtocolForgotten(_logger, Uri, known.Protocol.Protocol);
        }

        return true;
    }

    public void Enter() => Interlocked.Increment(ref _outstanding);

    public void Leave() => Interlocked.Decrement(ref _outstanding);

    /// <summary>Looks at how a call failed; a server that cannot work is set aside.</summary>
    /// <param name="exception">The failure.</param>
    /// <param name="maySetAside">Whether it may be set aside for failures that say little: not when too many others are already.</param>
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
            Channel.Doubt();
        }

        // It may come back as another version or with another model, also behind a proxy that keeps its connection to us.
        // A refusal that gives its reason (overloaded, draining) says that it is still there.
        if (kind == FailureKind.Down && _server.Current is { } known)
        {
            _server.Forget(known);
        }
    }

    /// <summary>A generation has begun to answer.</summary>
    public void MarkWorking()
    {
        Volatile.Write(ref _failures, 0);
        Volatile.Write(ref _backoff, 0);
        Return(Volatile.Read(ref _setAsideUntil));
    }

    /// <summary>
    /// Asks a server for its health, in the background and not too often: one that was set aside returns if it is healthy, and one that shuts down
    /// or still loads is set aside.
    /// </summary>
    public void ProbeIfDue()
    {
        var until = Volatile.Read(ref _setAsideUntil);
        var due = until != 0 ? until : Volatile.Read(ref _nextLook);
        if (Environment.TickCount64 >= due && (until != 0 || _options.ProbeInterval > TimeSpan.Zero) && Interlocked.Exchange(ref _probing, 1) == 0)
        {
            _ = Task.Run(() => ProbeAsync(until));
        }
    }

    /// <summary>
    /// A few at a time, until their messages leave. A server that takes few streams on a connection lets the channel open another one for what waits,
    /// and every message that was made before is kept back by that, at the cost of a reset; so no more wait there than this, and the others here.
    /// Null when the turn does not come in time: whoever has it may wait for a hung server.
    /// </summary>
    public async Task<SendTurn?> TakeTurnAsync(CancellationToken cancellationToken) =>
        Channel.SeesConnections && await _sending.WaitAsync(_options.ConnectTimeout, cancellationToken).ConfigureAwait(false)
            ? new SendTurn(_sending)
            : null;

    public void Dispose() => Channel.Dispose();

    /// <summary>The longer, the more often in a row; what a probe brings back and then fails again must not come back at the same pace.</summary>
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

    private void Return(long until)
    {
        if (until != 0 && Interlocked.CompareExchange(ref _setAsideUntil, 0, until) == until)
        {
            Log.Returned(_logger, Uri);
        }
    }

    /// <summary>What the server says about its health; one that cannot be asked is not healthy.</summary>
    public async Task<VllmHealth> CheckHealthAsync(CancellationToken cancellationToken)
    {
        try
        {
            var server = await GetServerAsync(cancellationToken).ConfigureAwait(false);
            var health = await server.Protocol.HealthAsync(cancellationToken).ConfigureAwait(false) with { Endpoint = Uri };
            if (!health.IsHealthy && !IsSetAside)
            {
                // It still loads, or shuts down and answers for the moment: others come first.
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
    /// The health of a server that a request waits for; null when it cannot be asked. However many requests wait, one of them asks.
    /// </summary>
    public async Task<VllmHealth?> AskWhileWaitingAsync()
    {
        if (Interlocked.Exchange(ref _asking, 1) != 0)
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
            Volatile.Write(ref _asking, 0);
        }
    }

    private async Task ProbeAsync(long until)
    {
        try
        {
            if ((await CheckHealthAsync(CancellationToken.None).ConfigureAwait(false)).IsHealthy)
            {
                Return(until);
            }
            else
            {
                // Only if nothing happened to it meanwhile: a call may have shown that it works, or that it does not.
                Interlocked.CompareExchange(ref _setAsideUntil, NextProbe(), until);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
        }
        finally
        {
            Volatile.Write(ref _nextLook, Environment.TickCount64 + (long)_options.ProbeInterval.TotalMilliseconds);
            Volatile.Write(ref _probing, 0);
        }
    }

    private async Task<KnownServer> FindOutAsync(CancellationToken cancellationToken)
    {
        var protocol = _options.Protocol;
        if (protocol == VllmProtocol.Auto)
        {
            protocol = await ProtocolDetector.DetectAsync(Channel, cancellationToken).ConfigureAwait(false);
            Log.ProtocolDetected(_logger, Uri, protocol);
        }

        _lastProtocol = protocol;
        return new KnownServer(
            protocol == VllmProtocol.VllmEngine ? new VllmEngineProtocol(Channel) : new InferenceProtocol(Channel, protocol), Channel.Epoch);
    }
}

/// <summary>What a failure says about the server it happened at.</summary>
internal enum FailureKind
{
    /// <summary>Nothing: the request was wrong, or the caller left.</summary>
    None,

    /// <summary>Something is wrong, perhaps with the request, perhaps for a moment.</summary>
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

        // Full, or still loading: nothing is wrong with it, and what is known of it stays true.
        VllmException { IsOverloaded: true } => FailureKind.None,
        VllmConnectionException { ServerMessage: var said }
            when said.Contains("engine is still connecting", StringComparison.Ordinal) => FailureKind.None,
        VllmConnectionException { ServerMessage: var said }
            when said.StartsWith("servicer shutting down", StringComparison.Ordinal) => FailureKind.Down,
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
/// Which of a constraint's two languages one server's engine compiles. An engine makes its grammar compiler at the first constrained request of its
/// life and keeps it, whoever sent that request, and structural tags are compiled by xgrammar only. What was taken last is sent until it fails; a
/// restart of the engine can change it. Thread-safe.
/// </summary>
internal sealed class ConstraintLanguage
{
    private const int Unknown = 0;
    private const int First = 1;
    private const int Alternative = 2;
    private int _taken = Unknown;

    /// <summary>What to send to a server.</summary>
    /// <param name="constraint">A constraint, with an alternative or without one.</param>
    /// <param name="protocol">The server's protocol. The front end of the Inference protocol always chooses llguidance.</param>
    public OutputConstraint Choose(OutputConstraint constraint, VllmProtocol protocol)
    {
        var taken = Volatile.Read(ref _taken);
        var isAlternative = taken == Unknown ? protocol is VllmProtocol.Inference or VllmProtocol.LegacyInference : taken == Alternative;
        return isAlternative && constraint.Alternative is { } alternative ? alternative : constraint;
    }

    /// <summary>The one of the two that was not sent.</summary>
    public static OutputConstraint Other(OutputConstraint constraint, OutputConstraint sent) =>
        ReferenceEquals(sent, constraint) ? constraint.Alternative! : constraint;

    /// <summary>The server has taken this one, after it had refused the other.</summary>
    public void Remember(OutputConstraint constraint, OutputConstraint taken) =>
        Volatile.Write(ref _taken, ReferenceEquals(taken, constraint) ? First : Alternative);

    /// <summary>Both were refused.</summary>
    public static VllmConstraintException Neither(OutputConstraint constraint, VllmConstraintException first, VllmConstraintException second) => new(
        $"The server at {second.Endpoint} cannot compile the constraint in either language. {first.Constraint?.Kind}: {Answer(first)} "
        + $"{second.Constraint?.Kind}: {Answer(second)} An engine keeps the grammar compiler that its first constrained request selected, "
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

    private static string Answer(VllmConstraintException exception) => exception.ServerMessage.Length > 0
        ? $"'{exception.ServerMessage}'."
        : exception.Message;
}

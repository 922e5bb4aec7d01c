using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>One server: its transport, what it speaks, how busy we keep it and whether it is set aside.</summary>
internal sealed class ServerEndpoint : IDisposable
{
    private readonly GrpcInvoker _invoker;
    private readonly VllmConnectionOptions _options;
    private readonly ILogger _logger;
    private CachedLookup<KnownServer> _server;
    private int _outstanding;
    private long _setAsideUntil;
    private int _probing;
    private VllmProtocol _lastProtocol;

    public ServerEndpoint(IGrpcTransport transport, VllmConnectionOptions options, ILogger logger)
    {
        Transport = transport;
        _options = options;
        _logger = logger;
        _lastProtocol = options.Protocol;
        _invoker = new GrpcInvoker(transport, options);
        _server = NewLookup();
    }

    public IGrpcTransport Transport { get; }

    public Uri Uri => Transport.Endpoint;

    public int Outstanding => Volatile.Read(ref _outstanding);

    public bool IsSetAside => Volatile.Read(ref _setAsideUntil) != 0;

    /// <summary>What was last found out; during an outage, what it was before.</summary>
    public VllmProtocol Protocol => Volatile.Read(ref _server).Current?.Family.Protocol ?? _lastProtocol;

    /// <summary>What is known of the server, found out anew when a connection was opened since.</summary>
    public ValueTask<KnownServer> GetServerAsync(CancellationToken cancellationToken)
    {
        var lookup = Volatile.Read(ref _server);
        if (lookup.Current is { } known && known.Connections != Transport.Connections)
        {
            Interlocked.CompareExchange(ref _server, NewLookup(), lookup);
        }

        return Volatile.Read(ref _server).GetAsync(cancellationToken);
    }

    /// <summary>The server no longer knows a method it knew: it was replaced by another version. Asks anew; false when the protocol is forced.</summary>
    public bool Forget(KnownServer known)
    {
        if (_options.Protocol != VllmProtocol.Auto)
        {
            return false;
        }

        var lookup = Volatile.Read(ref _server);
        if (ReferenceEquals(lookup.Current, known) && Interlocked.CompareExchange(ref _server, NewLookup(), lookup) == lookup)
        {
            Log.ProtocolForgotten(_logger, Uri, known.Family.Protocol);
        }

        return true;
    }

    public void Enter() => Interlocked.Increment(ref _outstanding);

    public void Leave() => Interlocked.Decrement(ref _outstanding);

    /// <summary>Looks at how a call failed; a server that cannot work is set aside.</summary>
    public void Observe(Exception exception)
    {
        var isDown = exception is VllmException { IsEngineDead: true }
            or VllmConnectionException { StatusCode: VllmStatusCode.Unavailable, ServerMessage.Length: 0 }
            or VllmTimeoutException { Kind: VllmTimeoutKind.Connect };
        if (isDown)
        {
            if (!IsSetAside)
            {
                Log.SetAside(_logger, Uri, exception.Message);
            }

            Volatile.Write(ref _setAsideUntil, Math.Max(1, Environment.TickCount64 + (long)_options.ProbeInterval.TotalMilliseconds));
        }

        // It may come back as another version or with another model, also behind a proxy that keeps its connection to us.
        if (isDown || exception is VllmConnectionException { StatusCode: VllmStatusCode.Unavailable, IsRetryable: true })
        {
            var lookup = Volatile.Read(ref _server);
            if (lookup.Current is not null)
            {
                Interlocked.CompareExchange(ref _server, NewLookup(), lookup);
            }
        }
    }

    /// <summary>Asks a server that was set aside for its health, in the background and not too often; it comes back when it is well.</summary>
    public void ProbeIfDue()
    {
        var until = Volatile.Read(ref _setAsideUntil);
        if (until != 0 && Environment.TickCount64 >= until && Interlocked.Exchange(ref _probing, 1) == 0)
        {
            _ = Task.Run(ProbeAsync);
        }
    }

    public void MarkHealthy()
    {
        if (Interlocked.Exchange(ref _setAsideUntil, 0) != 0)
        {
            Log.Returned(_logger, Uri);
        }
    }

    public void Dispose() => Transport.Dispose();

    /// <summary>What the server says about its health; one that cannot be asked is not healthy.</summary>
    public async Task<VllmHealth> CheckHealthAsync(CancellationToken cancellationToken)
    {
        try
        {
            var server = await GetServerAsync(cancellationToken).ConfigureAwait(false);
            return await server.Family.HealthAsync(cancellationToken).ConfigureAwait(false) with { Endpoint = Uri };
        }
        catch (VllmRequestException exception) when (exception.StatusCode == VllmStatusCode.Unimplemented)
        {
            return new VllmHealth(true, "The server has no health service, but it answers.") { Endpoint = Uri };
        }
        catch (VllmException exception)
        {
            Observe(exception);
            return new VllmHealth(false, exception.Message) { Endpoint = Uri, Exception = exception };
        }
    }

    private async Task ProbeAsync()
    {
        try
        {
            if ((await CheckHealthAsync(CancellationToken.None).ConfigureAwait(false)).IsHealthy)
            {
                MarkHealthy();
                return;
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
        }
        finally
        {
            Volatile.Write(ref _probing, 0);
        }

        Interlocked.CompareExchange(ref _setAsideUntil, Environment.TickCount64 + (long)_options.ProbeInterval.TotalMilliseconds, Volatile.Read(ref _setAsideUntil));
    }

    private CachedLookup<KnownServer> NewLookup() => new(async token =>
    {
        var protocol = _options.Protocol;
        if (protocol == VllmProtocol.Auto)
        {
            protocol = await ProtocolDetector.DetectAsync(_invoker, token).ConfigureAwait(false);
            Log.ProtocolDetected(_logger, Uri, protocol);
        }

        _lastProtocol = protocol;
        return new KnownServer(
            protocol == VllmProtocol.VllmEngine ? new VllmEngineProtocol(_invoker) : new InferenceProtocol(_invoker, protocol), Transport.Connections);
    });
}

/// <summary>
/// What was found out about the process behind an address, and the connection count at that time: a connection opened later may lead to another process,
/// with another protocol or another model.
/// </summary>
internal sealed record KnownServer(IServerProtocol Family, int Connections);

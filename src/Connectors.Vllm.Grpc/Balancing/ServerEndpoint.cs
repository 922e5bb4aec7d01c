using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>One server: its transport, what it speaks, how busy we keep it and whether it is set aside.</summary>
internal sealed class ServerEndpoint : IDisposable
{
    private readonly GrpcInvoker _invoker;
    private readonly VllmConnectionOptions _options;
    private readonly ILogger _logger;
    private volatile CachedLookup<IProtocolFamily> _family;
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
        _family = NewLookup();
    }

    public IGrpcTransport Transport { get; }

    public Uri Uri => Transport.Endpoint;

    public int Outstanding => Volatile.Read(ref _outstanding);

    public bool IsSetAside => Volatile.Read(ref _setAsideUntil) != 0;

    /// <summary>What was last found out; during an outage, what it was before.</summary>
    public VllmProtocol Protocol => _family.Current?.Protocol ?? _lastProtocol;

    public ValueTask<IProtocolFamily> GetFamilyAsync(CancellationToken cancellationToken) => _family.GetAsync(cancellationToken);

    /// <summary>The server no longer knows a method it knew: it was replaced by another version. Asks anew; false when the protocol is forced.</summary>
    public bool Forget(IProtocolFamily family)
    {
        if (_options.Protocol != VllmProtocol.Auto)
        {
            return false;
        }

        var lookup = _family;
        if (ReferenceEquals(lookup.Current, family) && Interlocked.CompareExchange(ref _family, NewLookup(), lookup) == lookup)
        {
            Log.ProtocolForgotten(_logger, Uri, family.Protocol);
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

            // It may come back as another version or with another model.
            if (_family.Current is not null)
            {
                _family = NewLookup();
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

    private async Task ProbeAsync()
    {
        try
        {
            var family = await GetFamilyAsync(CancellationToken.None).ConfigureAwait(false);
            var health = await family.HealthAsync(CancellationToken.None).ConfigureAwait(false);
            if (health.IsHealthy)
            {
                MarkHealthy();
                return;
            }
        }
        catch (VllmRequestException e) when (e.StatusCode == VllmStatusCode.Unimplemented)
        {
            // No health service, but a server that answers.
            MarkHealthy();
            return;
        }
        catch (Exception e) when (e is VllmException or OperationCanceledException or ObjectDisposedException)
        {
        }
        finally
        {
            Volatile.Write(ref _probing, 0);
        }

        Interlocked.CompareExchange(ref _setAsideUntil, Environment.TickCount64 + (long)_options.ProbeInterval.TotalMilliseconds, Volatile.Read(ref _setAsideUntil));
    }

    private CachedLookup<IProtocolFamily> NewLookup() => new(async token =>
    {
        var protocol = _options.Protocol;
        if (protocol == VllmProtocol.Auto)
        {
            protocol = await ProtocolDetector.DetectAsync(_invoker, token).ConfigureAwait(false);
            Log.ProtocolDetected(_logger, Uri, protocol);
        }

        _lastProtocol = protocol;
        return protocol == VllmProtocol.Engine ? new EngineFamily(_invoker) : new InferenceFamily(_invoker, protocol);
    });
}

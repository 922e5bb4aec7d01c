using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>A minimal Kestrel host: HTTP/2 only, one handler for all paths, and access to every connection for fault injection.</summary>
/// <param name="options">Address and certificates.</param>
/// <param name="port">The port, 0 for a free one.</param>
/// <param name="handle">Answers every request.</param>
/// <param name="onConnection">Called for each accepted connection.</param>
internal sealed class GrpcHost(VllmTestServerOptions options, int port, RequestDelegate handle, Action onConnection)
{
    private readonly ConcurrentDictionary<ConnectionTap, ConnectionContext> _connections = new();
    private readonly ClosableListenerFactory _listeners = new();
    private WebApplication? _application;

    /// <summary>Starts listening and returns the port.</summary>
    public async Task<int> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(Configure);
        builder.Services.AddSingleton<IConnectionListenerFactory>(_listeners);

        // The default lifetime would intercept Ctrl+C and SIGTERM of the embedding program.
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        var application = builder.Build();
        application.Run(handle);
        try
        {
            await application.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await application.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        _application = application;
        return _listeners.Port;
    }

    public void ForEachConnection(Action<ConnectionTap> action)
    {
        foreach (var tap in _connections.Keys)
        {
            action(tap);
        }
    }

    /// <summary>Closes the port. Existing connections stay open, but their clients are told to start no new calls.</summary>
    public async Task StopListeningAsync()
    {
        await _listeners.CloseAsync().ConfigureAwait(false);
        foreach (var connection in _connections.Values)
        {
            connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }
    }

    /// <summary>Closes the port, waits for connections to close by themselves, closes the remaining ones, and stops.</summary>
    public async Task StopAsync(Action<ConnectionTap> closeConnection, TimeSpan grace = default)
    {
        if (_application is not { } application)
        {
            return;
        }

        await _listeners.CloseAsync().ConfigureAwait(false);
        if (grace > TimeSpan.Zero)
        {
            using var graceful = new CancellationTokenSource(grace);
            foreach (var connection in _connections.Values)
            {
                await WaitForCloseAsync(connection, graceful.Token).ConfigureAwait(false);
            }
        }

        var open = _connections.ToArray();
        foreach (var (tap, _) in open)
        {
            closeConnection(tap);
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        foreach (var (_, connection) in open)
        {
            await WaitForCloseAsync(connection, limit.Token).ConfigureAwait(false);
        }

        await application.StopAsync(limit.Token).ConfigureAwait(false);
        await application.DisposeAsync().ConfigureAwait(false);
        _application = null;
    }

    private static async Task WaitForCloseAsync(ConnectionContext connection, CancellationToken cancellationToken)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            using var registration = connection.ConnectionClosed.Register(() => closed.TrySetResult());
            await closed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // The connection is closed already, or will be aborted when the host stops.
        }
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.MaxResponseBufferSize = 4 << 20;
        kestrel.Limits.Http2.MaxStreamsPerConnection = int.MaxValue;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 16 << 20;
        kestrel.Limits.Http2.InitialStreamWindowSize = 4 << 20;
        kestrel.Limits.Http2.MaxRequestHeaderFieldSize = 64 << 10;
        kestrel.Limits.MaxRequestHeadersTotalSize = 256 << 10;
        kestrel.Listen(new IPEndPoint(options.Address, port), Listen);
    }

    private void Listen(ListenOptions listen)
    {
        listen.Protocols = HttpProtocols.Http2;
        if (options.Certificate is { } certificate)
        {
            listen.UseHttps(https => ConfigureTls(https, certificate));
        }

        listen.Use(next => async connection =>
        {
            var tap = new ConnectionTap(connection);
            connection.Transport = tap;
            connection.Features.Set(tap);
            onConnection();
            _connections[tap] = connection;
            try
            {
                await next(connection).ConfigureAwait(false);
            }
            finally
            {
                _connections.TryRemove(tap, out _);
            }
        });
    }

    private void ConfigureTls(HttpsConnectionAdapterOptions https, X509Certificate2 certificate)
    {
        https.ServerCertificate = certificate;
        if (options.ClientCertificateAuthorities is { } authorities)
        {
            https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            https.ClientCertificateValidation = (client, _, _) => ChainsTo(client, authorities);
        }
    }

    private static bool ChainsTo(X509Certificate2 client, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        return chain.Build(client);
    }
}

/// <summary>Kestrel's socket listener, whose port can be closed while connections stay open.</summary>
internal sealed class ClosableListenerFactory : IConnectionListenerFactory
{
    private readonly SocketTransportFactory _sockets = new(Options.Create(new SocketTransportOptions()), NullLoggerFactory.Instance);
    private IConnectionListener? _listener;

    /// <summary>The port that was bound.</summary>
    public int Port => ((IPEndPoint)_listener!.EndPoint).Port;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        _listener = await _sockets.BindAsync(endpoint, cancellationToken).ConfigureAwait(false);
        return _listener;
    }

    /// <summary>Closes the port; later connections are refused.</summary>
    public async Task CloseAsync()
    {
        if (_listener is { } listener)
        {
            await listener.UnbindAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }
}

/// <summary>A host lifetime that handles no signals: the embedding program decides when the server stops.</summary>
internal sealed class EmbeddedLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

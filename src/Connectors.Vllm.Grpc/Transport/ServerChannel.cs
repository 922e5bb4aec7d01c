using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The channel to one address, created here or passed in by the user, and a counter of the times at which the address may have begun to lead to
/// another process. Thread-safe.
/// </summary>
internal sealed class ServerChannel : IDisposable
{
    /// <summary>How long a detected server remains valid if connections are not tracked.</summary>
    private const int UntrackedLifetimeMilliseconds = 30_000;

    /// <summary>How long it remains valid without an answer: a restarted server takes longer to load its model.</summary>
    private const int UntrackedSilenceMilliseconds = 3_000;

    /// <summary>A channel that reconnects without any delay would keep a core busy.</summary>
    private static readonly TimeSpan MinReconnectDelay = TimeSpan.FromMilliseconds(10);

    private readonly GrpcChannel? _channel;
    private int _epoch;
    private long _lastAnswer = Environment.TickCount64;

    private ServerChannel(Uri endpoint, VllmConnectionOptions options, ILoggerFactory loggerFactory)
    {
        Endpoint = endpoint;
        Options = options;
        CallInvoker invoker;
        if (options.CallInvoker is { } own)
        {
            invoker = own;
        }
        else
        {
            (_channel, TracksConnections) = Open(endpoint, options, loggerFactory);
            invoker = _channel.CreateCallInvoker();
        }

        Invoker = options.Interceptors.Count == 0 ? invoker : invoker.Intercept([.. options.Interceptors]);
    }

    public Uri Endpoint { get; }

    public VllmConnectionOptions Options { get; }

    public CallInvoker Invoker { get; }

    /// <summary>Whether this class is notified of every connection that is opened.</summary>
    public bool TracksConnections { get; }

    /// <summary>
    /// Changes whenever calls may reach another process than before: with every connection that is opened or, if connections are not tracked (the
    /// user's own channel or handler), with every failure, after a period of silence, and periodically.
    /// </summary>
    public int Epoch => Volatile.Read(ref _epoch) + (TracksConnections ? 0 : (int)(Clock() / UntrackedLifetimeMilliseconds));

    /// <summary>The clock, in milliseconds; replaced by tests.</summary>
    internal Func<long> Clock { get; set; } = static () => Environment.TickCount64;

    /// <summary>Called when a call has failed: if connections are not tracked, another process may answer the next one.</summary>
    public void AdvanceEpoch()
    {
        if (!TracksConnections)
        {
            Interlocked.Increment(ref _epoch);
        }
    }

    /// <summary>Called before a call: if connections are not tracked and nothing was received for a while, another process may answer it.</summary>
    public void AdvanceEpochIfSilent()
    {
        if (!TracksConnections && Clock() - Interlocked.Read(ref _lastAnswer) > UntrackedSilenceMilliseconds)
        {
            MarkAnswered();
            AdvanceEpoch();
        }
    }

    /// <summary>Called when the server has answered.</summary>
    public void MarkAnswered() => Interlocked.Exchange(ref _lastAnswer, Clock());

    /// <exception cref="ArgumentException">No channel can be created for this address.</exception>
    public static ServerChannel Create(Uri endpoint, VllmConnectionOptions options, ILoggerFactory loggerFactory)
    {
        try
        {
            return new ServerChannel(endpoint, options, loggerFactory);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException)
        {
            throw new ArgumentException($"No channel can be created for '{endpoint}': {exception.Message}", nameof(endpoint), exception);
        }
    }

    /// <summary>Makes a unary call.</summary>
    public async Task<TResponse> UnaryAsync<TResponse>(
        Method<OutgoingMessage, TResponse> method, IMessage message, CallContext call, CancellationToken cancellationToken)
        where TResponse : class
    {
        var outgoing = OutgoingMessage.Create(message, call, Options.MaxSendMessageBytes);
        var errors = new CallErrors(call, method.FullName);
        try
        {
            using var running = Invoker.AsyncUnaryCall(method, host: null, call.ToOptions(cancellationToken), outgoing);
            var response = await running.ResponseAsync.ConfigureAwait(false);
            MarkAnswered();
            return response;
        }
        catch (Exception exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw errors.Translate(exception, answered: false);
        }
    }

    /// <summary>Creates the context of a call other than generation, with the time limit of the options.</summary>
    public CallContext NewCall(string? requestId = null, int? expectedEpoch = null, TimeSpan? timeout = null, SendPermit? sendPermit = null) => new()
    {
        Channel = this,
        RequestId = requestId,
        ExpectedEpoch = expectedEpoch,
        SendPermit = sendPermit,
        Timeout = timeout ?? Options.CallTimeout,
    };

    public void Dispose() => _channel?.Dispose();

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left < right ? right : left;

    private (GrpcChannel Channel, bool TracksConnections) Open(Uri endpoint, VllmConnectionOptions options, ILoggerFactory loggerFactory)
    {
        // For http, https and unix, the handler connects to the address itself; any other scheme belongs to a resolver, and the channel connects to
        // the addresses that it finds.
        var isDirect = endpoint.Scheme is "http" or "https" or "unix";
        var own = options.HttpHandler is null
            ? HttpHandlers.Create(options, isDirect ? endpoint : null, () => Interlocked.Increment(ref _epoch))
            : null;
        var settings = new GrpcChannelOptions
        {
            HttpHandler = own ?? options.HttpHandler,
            DisposeHttpClient = own is not null,
            LoggerFactory = loggerFactory,
            MaxReceiveMessageSize = options.MaxReceiveMessageBytes,

            // Checked when the message is created, against the server's own limit as well.
            MaxSendMessageSize = null,
            CompressionProviders = [new BoundedGzip(options.MaxReceiveMessageBytes)],

            // Credentials that are set for a plaintext address are sent, like a bearer token.
            UnsafeUseInsecureChannelCallCredentials = true,

            // The engine retries: only it knows whether the server is still the one a message was made for.
            DisableResolverServiceConfig = true,

            // If the channel connects by itself (the user's handler, a resolver), calls fail immediately between its attempts to connect, which are
            // up to two minutes apart by default. With these delays, a retry finds a server that has come back.
            InitialReconnectBackoff = Max(MinReconnectDelay, options.Retry.BaseDelay),
            MaxReconnectBackoff = Max(MinReconnectDelay, options.Retry.MaxDelay),
        };
        if (!isDirect)
        {
            settings.Credentials = options.UsesTls ? ChannelCredentials.SecureSsl : ChannelCredentials.Insecure;
            settings.ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { new RoundRobinConfig() } };
        }

        options.ConfigureChannel?.Invoke(settings);
        var address = endpoint.Scheme == "unix" ? new Uri("http://localhost") : endpoint;
        return (GrpcChannel.ForAddress(address, settings), own is not null && HttpHandlers.IsOrWraps(settings.HttpHandler, own));
    }
}

/// <summary>The HTTP/2 handler of a channel that this client creates.</summary>
internal static class HttpHandlers
{
    private const int TcpLevel = 6;
    private const int TcpUserTimeout = 18;

    /// <summary>The idle time in seconds after which a connection is probed; then the time between probes, and their number.</summary>
    private const int KeepAliveSeconds = 60;
    private const int KeepAliveInterval = 10;
    private const int KeepAliveCount = 3;

    /// <summary>
    /// Creates a handler that connects to <paramref name="endpoint"/> or, if that is null, to the address that the channel requests.
    /// </summary>
    public static SocketsHttpHandler Create(VllmConnectionOptions options, Uri? endpoint, Action connected)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,

            // Proxies configured in the environment are meant for web traffic and do not forward plaintext HTTP/2.
            UseProxy = false,
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = options.ConnectTimeout,
            KeepAlivePingDelay = options.KeepAlivePingInterval ?? Timeout.InfiniteTimeSpan,
            KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5),
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
            PlaintextStreamFilter = (context, _) =>
            {
                connected();
                return ValueTask.FromResult(context.PlaintextStream);
            },
        };
        if (endpoint is not null)
        {
            handler.ConnectCallback = endpoint.Scheme == "unix"
                ? (_, token) => ConnectAsync(
                    new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
                    new UnixDomainSocketEndPoint(endpoint.LocalPath), token)
                : static (context, token) => ConnectAsync(CreateTcpSocket(), context.DnsEndPoint, token);
        }

        TlsSettings.Apply(options, handler.SslOptions);
        return handler;
    }

    public static bool IsOrWraps(HttpMessageHandler? handler, HttpMessageHandler inner)
    {
        for (; handler is not null; handler = (handler as DelegatingHandler)?.InnerHandler)
        {
            if (ReferenceEquals(handler, inner))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Creates a socket that detects dead peers without HTTP/2 pings: idle connections by TCP keep-alive, unacknowledged data by the TCP user
    /// timeout.
    /// </summary>
    private static Socket CreateTcpSocket()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveInterval);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveCount);
        if (OperatingSystem.IsLinux())
        {
            Span<byte> milliseconds = stackalloc byte[sizeof(int)];
            BitConverter.TryWriteBytes(milliseconds, (KeepAliveSeconds + (KeepAliveInterval * KeepAliveCount)) * 1000);
            socket.SetRawSocketOption(TcpLevel, TcpUserTimeout, milliseconds);
        }

        return socket;
    }

    private static async ValueTask<Stream> ConnectAsync(Socket socket, EndPoint target, CancellationToken cancellationToken)
    {
        try
        {
            await socket.ConnectAsync(target, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>Applies the certificate options of <see cref="VllmConnectionOptions"/> to TLS settings.</summary>
internal static class TlsSettings
{
    /// <exception cref="ArgumentException">A certificate file cannot be read; the message names the option and the file.</exception>
    public static void Apply(VllmConnectionOptions options, SslClientAuthenticationOptions tls)
    {
        if (options.RootCertificateFile is { } roots)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            Read(nameof(options.RootCertificateFile), roots, () => policy.CustomTrustStore.ImportFromPemFile(roots));
            tls.CertificateChainPolicy = policy;
        }

        if (options.ClientCertificateFile is { } file)
        {
            X509Certificate2? certificate = null;
            Read(nameof(options.ClientCertificateFile), file,
                () => certificate = Load(file, options.ClientCertificateKeyFile, options.ClientCertificatePassword));
            tls.ClientCertificates = [certificate!];

            // Without this callback, a certificate whose issuer is not in the server's list of authorities would not be sent.
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate!;
        }

        options.ConfigureTls?.Invoke(tls);
    }

    private static X509Certificate2 Load(string file, string? keyFile, string? password)
    {
        if (Path.GetExtension(file) is ".pfx" or ".p12")
        {
            return X509CertificateLoader.LoadPkcs12FromFile(file, password);
        }

        using var certificate = password is null
            ? X509Certificate2.CreateFromPemFile(file, keyFile)
            : X509Certificate2.CreateFromEncryptedPemFile(file, password, keyFile);

        // Some platforms cannot use the ephemeral key of a PEM certificate in a TLS handshake.
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    private static void Read(string option, string file, Action read)
    {
        try
        {
            read();
        }
        catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException($"{option}: the certificate file '{file}' cannot be read: {exception.Message}", exception);
        }
    }
}

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
/// The way to one address: the channel that calls go through (ours, or what the user brought), and how often it may have come to lead to another
/// process. Thread-safe.
/// </summary>
internal sealed class ServerChannel : IDisposable
{
    /// <summary>How long what is known of a server stays good where its connections cannot be seen.</summary>
    private const int BlindEpochMilliseconds = 30_000;

    /// <summary>And how long when nothing is received: a server of a model takes longer to start.</summary>
    private const int BlindSilenceMilliseconds = 3_000;

    /// <summary>A channel without a pause between its attempts to connect would keep a core busy.</summary>
    private static readonly TimeSpan ShortestReconnectDelay = TimeSpan.FromMilliseconds(10);

    private readonly GrpcChannel? _channel;
    private int _connections;
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
            (_channel, SeesConnections) = Open(endpoint, options, loggerFactory);
            invoker = _channel.CreateCallInvoker();
        }

        Invoker = options.Interceptors.Count == 0 ? invoker : invoker.Intercept([.. options.Interceptors]);
    }

    public Uri Endpoint { get; }

    public VllmConnectionOptions Options { get; }

    public CallInvoker Invoker { get; }

    /// <summary>Whether the connections are opened here.</summary>
    public bool SeesConnections { get; }

    /// <summary>
    /// Changes whenever calls may have come to lead to another process: with every connection that is opened, or, where connections cannot be seen
    /// (an own channel or handler), with every failure, after a silence, and with time.
    /// </summary>
    public int Epoch => Volatile.Read(ref _connections) + (SeesConnections ? 0 : (int)(Clock() / BlindEpochMilliseconds));

    /// <summary>Milliseconds; for tests.</summary>
    internal Func<long> Clock { get; set; } = static () => Environment.TickCount64;

    /// <summary>A call has failed: where connections cannot be seen, another process may answer the next one.</summary>
    public void Doubt()
    {
        if (!SeesConnections)
        {
            Interlocked.Increment(ref _connections);
        }
    }

    /// <summary>
    /// A call is about to be made: where connections cannot be seen and nothing was received for a while, another process may answer it.
    /// </summary>
    public void DoubtIfSilent()
    {
        if (!SeesConnections && Clock() - Interlocked.Read(ref _lastAnswer) > BlindSilenceMilliseconds)
        {
            MarkAnswered();
            Doubt();
        }
    }

    /// <summary>The server has answered.</summary>
    public void MarkAnswered() => Interlocked.Exchange(ref _lastAnswer, Clock());

    /// <exception cref="ArgumentException">The channel cannot be made for this address.</exception>
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

    /// <summary>One message out, one message in.</summary>
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

    /// <summary>A call with the limits of the options for calls that are not generation.</summary>
    public CallContext NewCall(string? requestId = null, int? expectedEpoch = null, TimeSpan? timeout = null, SendTurn? turn = null) => new()
    {
        Channel = this,
        RequestId = requestId,
        ExpectedEpoch = expectedEpoch,
        Turn = turn,
        Timeout = timeout ?? Options.CallTimeout,
    };

    public void Dispose() => _channel?.Dispose();

    private static TimeSpan AtLeast(TimeSpan least, TimeSpan value) => value < least ? least : value;

    private (GrpcChannel Channel, bool SeesConnections) Open(Uri endpoint, VllmConnectionOptions options, ILoggerFactory loggerFactory)
    {
        // http, https and unix are dialled here; any other scheme is a resolver's, whose channel dials the addresses it finds by itself.
        var isDialled = endpoint.Scheme is "http" or "https" or "unix";
        var own = options.HttpHandler is null
            ? HttpHandlers.Create(options, isDialled ? endpoint : null, () => Interlocked.Increment(ref _connections))
            : null;
        var settings = new GrpcChannelOptions
        {
            HttpHandler = own ?? options.HttpHandler,
            DisposeHttpClient = own is not null,
            LoggerFactory = loggerFactory,
            MaxReceiveMessageSize = options.MaxReceiveMessageBytes,

            // Checked when the message is made, against the server's own limit as well.
            MaxSendMessageSize = null,
            CompressionProviders = [new BoundedGzip(options.MaxReceiveMessageBytes)],

            // Whoever sets credentials for a plain address means it, as with a bearer token.
            UnsafeUseInsecureChannelCallCredentials = true,

            // Retrying is the engine's: only it knows whether the server is still the one a message was made for.
            DisableResolverServiceConfig = true,

            // Where the channel dials itself (an own handler, a resolver), calls fail without a try between its attempts to connect, which would be
            // up to two minutes apart by default: a retry is to find a server that came back.
            InitialReconnectBackoff = AtLeast(ShortestReconnectDelay, options.Retry.BaseDelay),
            MaxReconnectBackoff = AtLeast(ShortestReconnectDelay, options.Retry.MaxDelay),
        };
        if (!isDialled)
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

    /// <summary>Seconds without an answer after which a quiet connection is probed; then the time between probes, and their number.</summary>
    private const int KeepAliveSeconds = 60;
    private const int KeepAliveInterval = 10;
    private const int KeepAliveCount = 3;

    /// <summary>Makes a handler; it connects to <paramref name="endpoint"/>, or, when that is null, to wherever the channel says.</summary>
    public static SocketsHttpHandler Create(VllmConnectionOptions options, Uri? endpoint, Action connected)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,

            // Proxies from the environment are made for web traffic and do not carry plain HTTP/2.
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
    /// A socket that finds dead peers without HTTP/2 pings: quiet ones by keep-alive, those that owe an acknowledgement by the user timeout.
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

/// <summary>The certificates of <see cref="VllmConnectionOptions"/> as TLS settings.</summary>
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

            // Without this, a certificate that the server's list of authorities does not mention would not be sent.
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

        // Some platforms cannot use the ephemeral key of a PEM file in a handshake.
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

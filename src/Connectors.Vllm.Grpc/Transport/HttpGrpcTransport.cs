using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// gRPC over <see cref="SocketsHttpHandler"/>: HTTP/2 with prior knowledge on http, ALPN on https. More connections are opened when a server's
/// limit of concurrent streams is reached.
/// </summary>
internal sealed class HttpGrpcTransport : IGrpcTransport
{
    private static readonly string UserAgent = $"connectors-vllm-dotnet/{typeof(HttpGrpcTransport).Assembly.GetName().Version?.ToString(3)}";

    private readonly HttpMessageInvoker _invoker;
    private readonly VllmConnectionOptions _options;
    private readonly KeyValuePair<string, string>[] _metadata;
    private int _connections;

    public HttpGrpcTransport(Uri endpoint, VllmConnectionOptions options)
    {
        Endpoint = endpoint;
        _options = options;
        _metadata = [.. options.Metadata.Select(static pair => KeyValuePair.Create(pair.Key.ToLowerInvariant(), pair.Value))];
        _invoker = new HttpMessageInvoker(CreateHandler(options, ConnectAsync), disposeHandler: true);
    }

    public Uri Endpoint { get; }

    public int Connections => Volatile.Read(ref _connections);

    public async ValueTask<IGrpcCall> StartAsync(GrpcCallRequest request, CancellationToken cancellationToken)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, new Uri(Endpoint, request.Method))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new GrpcRequestContent(request.Frame, request.ExpectedConnections is { } expected ? () => Connections == expected : null),
        };
        AddHeaders(message.Headers, request);
        var call = new HttpGrpcCall(request, Endpoint, _options, cancellationToken);
        try
        {
            await call.SendAsync(_invoker, message).ConfigureAwait(false);
            return call;
        }
        catch
        {
            call.Dispose();
            throw;
        }
    }

    public void Dispose() => _invoker.Dispose();

    private static SocketsHttpHandler CreateHandler(
        VllmConnectionOptions options, Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> connect)
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
            ConnectCallback = connect,
        };
        TlsSettings.Apply(options, handler.SslOptions);
        return handler;
    }

    /// <summary>Connects with TCP keep-alive, which finds dead peers without HTTP/2 pings.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 60);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 10);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _connections);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private void AddHeaders(HttpRequestHeaders headers, GrpcCallRequest request)
    {
        headers.TryAddWithoutValidation("te", "trailers");
        headers.TryAddWithoutValidation("user-agent", UserAgent);
        headers.TryAddWithoutValidation("grpc-accept-encoding", "identity,gzip");
        if (request.Timeout is { } timeout)
        {
            headers.TryAddWithoutValidation("grpc-timeout", GrpcTimeout.Format(timeout));
        }

        if (_options.BearerToken is { Length: > 0 } token)
        {
            headers.TryAddWithoutValidation("authorization", "Bearer " + token);
        }

        foreach (var (name, value) in _metadata)
        {
            headers.TryAddWithoutValidation(name, value);
        }

        if (request.Metadata is not null)
        {
            foreach (var (name, value) in request.Metadata)
            {
                headers.Remove(name);
                headers.TryAddWithoutValidation(name.ToLowerInvariant(), value);
            }
        }
    }
}

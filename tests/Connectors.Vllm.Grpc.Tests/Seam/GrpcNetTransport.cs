using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>The transport seam over Grpc.Net.Client: shows that nothing above the seam depends on the transport that ships.</summary>
internal sealed class GrpcNetTransport : IGrpcTransport
{
    private readonly GrpcChannel _channel;
    private int _connections;

    public GrpcNetTransport(Uri endpoint, VllmConnectionOptions options)
    {
        Endpoint = endpoint;
        _channel = GrpcChannel.ForAddress(endpoint, new GrpcChannelOptions
        {
            MaxReceiveMessageSize = options.MaxReceiveMessageBytes,
            MaxSendMessageSize = null,
            DisposeHttpClient = true,
            HttpHandler = new SocketsHttpHandler
            {
                EnableMultipleHttp2Connections = true,
                ConnectTimeout = options.ConnectTimeout,
                ConnectCallback = async (context, token) =>
                {
                    var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                    await socket.ConnectAsync(context.DnsEndPoint, token);
                    Interlocked.Increment(ref _connections);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            },
        });
    }

    public Uri Endpoint { get; }

    public int Connections => Volatile.Read(ref _connections);

    public async ValueTask<IGrpcCall> StartAsync(GrpcCallRequest request, CancellationToken cancellationToken)
    {
        var call = new GrpcNetCall(_channel.CreateCallInvoker(), request, Endpoint, () => request.ExpectedConnections is not { } expected || expected == Connections, cancellationToken);
        try
        {
            await call.WaitForHeadersAsync();
            return call;
        }
        catch
        {
            call.Dispose();
            throw;
        }
    }

    public void Dispose() => _channel.Dispose();
}

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A connection to one server that carries gRPC calls with one request message each (unary and server streaming). This is the
/// only place the rest of the package touches the network through. Safe for concurrent use.
/// </summary>
internal interface IGrpcTransport : IDisposable
{
    Uri Endpoint { get; }

    /// <summary>How many connections were opened so far. It never falls; a new connection may lead to another process at the same address.</summary>
    int Connections { get; }

    /// <summary>Sends the request and returns when the response headers are there. Throws like <see cref="IGrpcCall.MoveNextAsync"/>.</summary>
    ValueTask<IGrpcCall> StartAsync(GrpcCallRequest request, CancellationToken cancellationToken);
}

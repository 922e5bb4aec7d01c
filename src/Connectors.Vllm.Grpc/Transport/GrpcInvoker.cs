using Google.Protobuf;

namespace Connectors.Vllm.Grpc;

/// <summary>Calls of one server whose messages are generated classes: encodes and decodes them. Retrying is the engine's.</summary>
internal sealed class GrpcInvoker(IGrpcTransport transport, VllmConnectionOptions options)
{
    public Uri Endpoint => transport.Endpoint;

    public IGrpcTransport Transport => transport;

    public VllmConnectionOptions Options => options;

    /// <summary>One message out, one message in.</summary>
    public async Task<TResponse> UnaryAsync<TResponse>(
        string method, IMessage request, MessageParser<TResponse> parser, CancellationToken cancellationToken, TimeSpan? timeout = null, string? requestId = null,
        int? expectedConnections = null)
        where TResponse : IMessage<TResponse>
    {
        var start = new GrpcCallRequest
        {
            Method = method,
            Frame = GrpcFrame.Encode(request, options.MaxSendMessageBytes),
            RequestId = requestId,
            ExpectedConnections = expectedConnections,
            Timeout = timeout ?? options.CallTimeout,
        };
        using var call = await transport.StartAsync(start, cancellationToken).ConfigureAwait(false);
        if (!await call.MoveNextAsync().ConfigureAwait(false))
        {
            throw new VllmProtocolException($"{method} at {Endpoint} ended well but sent no message.")
            {
                StatusCode = VllmStatusCode.Internal,
                Method = method,
                RequestId = requestId,
                Endpoint = Endpoint,
            };
        }

        TResponse response;
        try
        {
            response = parser.ParseFrom(call.Current.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw Malformed(method, requestId, e);
        }

        // The status comes after the message; without it the answer does not count.
        while (await call.MoveNextAsync().ConfigureAwait(false))
        {
        }

        return response;
    }

    public VllmProtocolException Malformed(string method, string? requestId, Exception inner) =>
        new($"{method} at {Endpoint} sent a message that does not parse: {inner.Message}", inner)
        {
            StatusCode = VllmStatusCode.Internal,
            Method = method,
            RequestId = requestId,
            Endpoint = Endpoint,
        };
}

using System.Net;
using System.Net.Http.Headers;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The body of a call: one message that is in memory already. The condition is asked when the call has its connection and before the first
/// byte of the message leaves; the handler writes the body again when it moves a call to another connection, and then asks again.
/// </summary>
internal sealed class GrpcRequestContent : HttpContent
{
    private static readonly MediaTypeHeaderValue GrpcMediaType = new("application/grpc");

    private readonly ReadOnlyMemory<byte> _frame;
    private readonly Func<bool>? _maySend;

    public GrpcRequestContent(ReadOnlyMemory<byte> frame, Func<bool>? maySend = null)
    {
        _frame = frame;
        _maySend = maySend;
        Headers.ContentType = GrpcMediaType;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
        _maySend is null || _maySend() ? stream.WriteAsync(_frame, cancellationToken).AsTask() : Task.FromException(new ConnectionRenewedException());

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}

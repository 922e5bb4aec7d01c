using System.Buffers;
using Google.Protobuf;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>Creates the descriptors of gRPC methods. Messages are serialized directly into the channel's buffer, and parsed in place.</summary>
internal static class Rpc
{
    public static Method<OutgoingMessage, TResponse> Unary<TResponse>(string service, string name, MessageParser<TResponse> parser)
        where TResponse : class, IMessage<TResponse> => Create<TResponse>(MethodType.Unary, service, name, parser.ParseFrom);

    /// <summary>
    /// A method with one request and any number of responses. Also works for a method that the server declares as unary, because the bytes are the
    /// same.
    /// </summary>
    public static Method<OutgoingMessage, TResponse> Streaming<TResponse>(string service, string name, Func<ReadOnlySequence<byte>, TResponse> read)
        where TResponse : class => Create(MethodType.ServerStreaming, service, name, read);

    private static Method<OutgoingMessage, TResponse> Create<TResponse>(
        MethodType type, string service, string name, Func<ReadOnlySequence<byte>, TResponse> read)
        where TResponse : class => new(
            type,
            service,
            name,
            OutgoingMessage.Marshaller,
            Marshallers.Create<TResponse>(
                static (_, _) => throw new NotSupportedException("Only servers write this message."),
                context =>
                {
                    try
                    {
                        return read(context.PayloadAsReadOnlySequence());
                    }
                    catch (Exception exception)
                    {
                        // Whatever the parser throws for invalid bytes, the server's message is at fault.
                        throw new UnreadableMessageException(exception);
                    }
                }));
}

/// <summary>
/// A request message. When it is written, which is after its connection has been chosen, it checks again that it is sent to the server it was made
/// for.
/// </summary>
internal sealed class OutgoingMessage
{
    public static readonly Marshaller<OutgoingMessage> Marshaller = Marshallers.Create<OutgoingMessage>(
        static (message, context) => message.WriteTo(context), static _ => throw new NotSupportedException("Only servers read this message."));

    private readonly IMessage _message;
    private readonly CallContext _call;
    private readonly int _size;

    private OutgoingMessage(IMessage message, CallContext call, int size)
    {
        _message = message;
        _call = call;
        _size = size;
    }

    /// <exception cref="VllmRequestException">The message is larger than <paramref name="maxBytes"/>.</exception>
    public static OutgoingMessage Create(IMessage message, CallContext call, int maxBytes)
    {
        var size = message.CalculateSize();
        if (size > maxBytes)
        {
            throw new VllmRequestException(
                $"The request has {size} bytes, over the limit of {maxBytes} "
                + $"({nameof(VllmConnectionOptions)}.{nameof(VllmConnectionOptions.MaxSendMessageBytes)}, or the server's own limit). "
                + "Send less media or a shorter prompt.")
            {
                StatusCode = StatusCode.OutOfRange,
                RequestId = call.RequestId,
                Endpoint = call.Endpoint,
            };
        }

        return new OutgoingMessage(message, call, size);
    }

    private void WriteTo(SerializationContext context)
    {
        if (_call.ExpectedEpoch is { } expected && expected != _call.Channel.Epoch)
        {
            throw new ConnectionRenewedException();
        }

        _call.SendPermit?.Dispose();
        context.SetPayloadLength(_size);
        _message.WriteTo(context.GetBufferWriter());
        context.Complete();
    }
}

/// <summary>
/// Thrown if a connection was opened after the server had been detected: the message was held back, nothing was sent, and the server must be detected
/// again. Internal to this package.
/// </summary>
internal sealed class ConnectionRenewedException() : Exception("A new connection was opened; the server must be queried again.");

/// <summary>Thrown if a message of the server cannot be parsed. Internal to this package.</summary>
internal sealed class UnreadableMessageException(Exception cause) : Exception(cause.Message, cause);

using System.Buffers;
using Google.Protobuf;
using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>Makes the descriptions of gRPC methods: messages are written into the channel's buffer, and read where they lie in it.</summary>
internal static class Rpc
{
    public static Method<OutgoingMessage, TResponse> Unary<TResponse>(string service, string name, MessageParser<TResponse> parser)
        where TResponse : class, IMessage<TResponse> => Create<TResponse>(MethodType.Unary, service, name, parser.ParseFrom);

    /// <summary>One message out, any number in. Also fits a method that the server declares as unary: the bytes are the same.</summary>
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
                        // Whatever bad bytes make of the parser, it is the server's message that is at fault.
                        throw new UnreadableMessageException(exception);
                    }
                }));
}

/// <summary>
/// A request message on its way. It looks once more, when it has its connection and before its first byte leaves, whether it still goes to the server
/// it was made for.
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

        _call.Turn?.Dispose();
        context.SetPayloadLength(_size);
        _message.WriteTo(context.GetBufferWriter());
        context.Complete();
    }
}

/// <summary>
/// A connection was opened after the caller had looked at the server, so the message was kept back: nothing was sent, and the server has to be looked
/// at again. Never leaves this package.
/// </summary>
internal sealed class ConnectionRenewedException() : Exception("A new connection was opened; the server must be queried again.");

/// <summary>A message of the server does not parse. Never leaves this package.</summary>
internal sealed class UnreadableMessageException(Exception cause) : Exception(cause.Message, cause);

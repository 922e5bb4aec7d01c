using System.Buffers.Binary;
using Google.Protobuf;

namespace Connectors.Vllm.Grpc;

/// <summary>The length prefix of gRPC messages: one byte of flags, four of length, big-endian.</summary>
internal static class GrpcFrame
{
    public const int HeaderSize = 5;

    /// <summary>Prefix and message in one array of exactly that size.</summary>
    public static byte[] Encode(IMessage message, int maxBytes)
    {
        var size = message.CalculateSize();
        if (size > maxBytes)
        {
            throw new VllmRequestException(
                $"The request takes {size} bytes, over the limit of {maxBytes} ({nameof(VllmConnectionOptions)}.{nameof(VllmConnectionOptions.MaxSendMessageBytes)}, or the server's own limit). Send less media or a shorter prompt.")
            {
                StatusCode = VllmStatusCode.OutOfRange,
            };
        }

        var frame = GC.AllocateUninitializedArray<byte>(size + HeaderSize);
        frame[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)size);
        message.WriteTo(frame.AsSpan(HeaderSize));
        return frame;
    }
}

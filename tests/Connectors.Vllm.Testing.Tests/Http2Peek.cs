using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>
/// Sends one gRPC request over a bare socket and collects the HTTP/2 frames of the answer, so that tests see frames and not what a client makes of
/// them.
/// </summary>
internal static class Http2Peek
{
    private static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    /// <summary>
    /// All frames until the stream ends, the connection closes, or <paramref name="enough"/> says so. The second value tells how the connection
    /// ended. <paramref name="firstMessage"/> is completed when the first bytes of the answer's messages are here.
    /// </summary>
    public static async Task<(List<Http2Frame> Frames, string End)> CallAsync(
        Uri endpoint, string method, IMessage request, CancellationToken cancellationToken, Func<IReadOnlyList<Http2Frame>, bool>? enough = null,
        TaskCompletionSource? firstMessage = null)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(endpoint.Host, endpoint.Port, cancellationToken);
        var stream = socket.GetStream();
        var body = new byte[request.CalculateSize() + 5];
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(1), request.CalculateSize());
        request.WriteTo(body.AsSpan(5));
        await stream.WriteAsync(
            (byte[])[.. Preface, .. Frame(4, 0, 0, []), .. Frame(1, 4, 1, Headers(endpoint, method)), .. Frame(0, 1, 1, body)], cancellationToken);
        var frames = new List<Http2Frame>();
        try
        {
            while (enough?.Invoke(frames) != true)
            {
                var frame = await ReadAsync(stream, cancellationToken);
                if (frame is null)
                {
                    return (frames, "closed");
                }

                frames.Add(frame);
                if (frame is { Stream: 1, Type: Http2Frame.Data, Payload.Length: > 0 })
                {
                    firstMessage?.TrySetResult();
                }

                if (frame is { Stream: 1, Type: Http2Frame.Data or Http2Frame.Headers } && (frame.Flags & 1) != 0)
                {
                    return (frames, "end of stream");
                }

                if (frame.Type == Http2Frame.ResetStream)
                {
                    return (frames, "reset stream");
                }
            }

            return (frames, "enough");
        }
        catch (IOException)
        {
            return (frames, "connection reset");
        }
    }

    private static async Task<Http2Frame?> ReadAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var header = new byte[9];
        if (await stream.ReadAtLeastAsync(header, 9, throwOnEndOfStream: false, cancellationToken) < 9)
        {
            return null;
        }

        var payload = new byte[(header[0] << 16) | (header[1] << 8) | header[2]];
        await stream.ReadExactlyAsync(payload, cancellationToken);
        return new Http2Frame(header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload);
    }

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)payload.Length);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    // HPACK literals without indexing and without Huffman coding (RFC 7541, 6.2.2).
    private static byte[] Headers(Uri endpoint, string method)
    {
        var block = new List<byte>();
        foreach (var (name, value) in new[] { (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", endpoint.Authority),
            ("content-type", "application/grpc"), ("te", "trailers") })
        {
            block.Add(0);
            block.Add((byte)name.Length);
            block.AddRange(Encoding.ASCII.GetBytes(name));
            block.Add((byte)value.Length);
            block.AddRange(Encoding.ASCII.GetBytes(value));
        }

        return [.. block];
    }
}

/// <summary>One HTTP/2 frame as it came off the socket.</summary>
internal sealed record Http2Frame(int Type, int Flags, int Stream, byte[] Payload)
{
    public const int Data = 0;
    public const int Headers = 1;
    public const int ResetStream = 3;
    public const int GoAway = 7;
}

using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>
/// A server of the VllmEngine protocol that writes HTTP/2 frames by hand, so that it can break every rule: it answers questions about itself well,
/// and generations as the test says.
/// </summary>
internal sealed class RawHttp2Server : IAsyncDisposable
{
    private const string Service = "/vllm.grpc.engine.VllmEngine/";
    private const int PrefaceBytes = 24;

    private static readonly Dictionary<string, IMessage> Information = new()
    {
        [Service + "HealthCheck"] = new HealthCheckResponse { Healthy = true, Message = "Health" },
        [Service + "GetModelInfo"] = new GetModelInfoResponse
        {
            ModelPath = "/models/raw",
            IsGeneration = true,
            VocabSize = 1_000,
            MaxContextLength = 1_000,
        },
        [Service + "GetServerInfo"] = new GetServerInfoResponse(),
    };

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly Task _accepting;

    private RawHttp2Server()
    {
        _listener.Start();
        Endpoint = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
        _accepting = AcceptAsync();
    }

    public Uri Endpoint { get; }

    /// <summary>Answers a generation.</summary>
    public Func<RawStream, Task>? Generate { get; set; }

    public static RawHttp2Server Start() => new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await Task.WhenAll([_accepting, .. _connections]).WaitAsync(Engines.HangGuard);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        List<Task> answers = [];
        using (client)
        {
            try
            {
                client.NoDelay = true;
                using var connection = new RawConnection(client, left.Token);
                await client.GetStream().ReadExactlyAsync(new byte[PrefaceBytes], left.Token);
                await connection.SendAsync(FrameType.Settings, FrameFlags.None, 0, default);
                Dictionary<int, (string Method, RawStream Stream)> calls = [];
                while (true)
                {
                    var (type, flags, id, payload) = await connection.ReadAsync();
                    switch (type)
                    {
                        case FrameType.Settings when !flags.HasFlag(FrameFlags.Acknowledged):
                            await connection.SendAsync(FrameType.Settings, FrameFlags.Acknowledged, 0, default);
                            break;
                        case FrameType.Ping when !flags.HasFlag(FrameFlags.Acknowledged):
                            await connection.SendAsync(FrameType.Ping, FrameFlags.Acknowledged, 0, payload);
                            break;
                        case FrameType.Headers:
                            calls[id] = (MethodIn(payload), new RawStream(connection, id));
                            break;
                        case FrameType.Reset when calls.TryGetValue(id, out var call):
                            await call.Stream.LeaveAsync();
                            break;
                        case FrameType.Data when flags.HasFlag(FrameFlags.EndStream) && calls.TryGetValue(id, out var call):
                            answers.Add(Task.Run(() => AnswerAsync(call.Method, call.Stream), left.Token));
                            break;
                    }
                }
            }
            catch (Exception exception) when (IsEnd(exception))
            {
            }
            finally
            {
                await left.CancelAsync();
            }

            await Task.WhenAll(answers).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private async Task AnswerAsync(string method, RawStream stream)
    {
        try
        {
            if (method == Service + "Generate" && Generate is { } generate)
            {
                await generate(stream);
            }
            else if (Information.TryGetValue(method, out var message))
            {
                await stream.AnswerAsync([message.ToByteArray()]);
            }
            else
            {
                await stream.HeadersAsync(end: true, RawStream.Grpc, ("grpc-status", "12"));
            }
        }
        catch (Exception exception) when (IsEnd(exception))
        {
        }
    }

    /// <summary>The connection is gone. Of a socket that is reset or disposed, <see cref="TcpClient"/> says that the operation is invalid.</summary>
    private static bool IsEnd(Exception exception) =>
        exception is IOException or SocketException or OperationCanceledException or InvalidOperationException;

    /// <summary>The client writes paths as they are, with their length before them.</summary>
    private static string MethodIn(byte[] headers)
    {
        var at = headers.AsSpan().IndexOf("/vllm"u8);
        return at < 1 ? string.Empty : Encoding.ASCII.GetString(headers, at, Math.Min(headers[at - 1], headers.Length - at));
    }
}

/// <summary>Types of frames: https://www.rfc-editor.org/rfc/rfc9113#section-6.</summary>
internal enum FrameType : byte
{
    Data = 0,
    Headers = 1,
    Priority = 2,
    Reset = 3,
    Settings = 4,
    PushPromise = 5,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
    Unknown = 0xEE,
}

[Flags]
[SuppressMessage("Design", "CA1069:Enums should not have duplicate values", Justification = "What a flag means depends on the type of its frame.")]
internal enum FrameFlags : byte
{
    None = 0,
    EndStream = 1,
    Acknowledged = 1,
    EndHeaders = 4,
    Padded = 8,
}

/// <summary>One connection of a <see cref="RawHttp2Server"/>.</summary>
internal sealed class RawConnection(TcpClient client, CancellationToken cancellationToken) : IDisposable
{
    private const int HeaderBytes = 9;

    private readonly SemaphoreSlim _sending = new(1);

    public CancellationToken Left => cancellationToken;

    public Task SendAsync(FrameType type, FrameFlags flags, int stream, ReadOnlyMemory<byte> payload) =>
        SendRawAsync(Frame(type, flags, stream, payload));

    public static byte[] Frame(FrameType type, FrameFlags flags, int stream, ReadOnlyMemory<byte> payload)
    {
        var frame = new byte[HeaderBytes + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)payload.Length << 8);
        frame[3] = (byte)type;
        frame[4] = (byte)flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsMemory(HeaderBytes));
        return frame;
    }

    public async Task SendRawAsync(ReadOnlyMemory<byte> bytes)
    {
        await _sending.WaitAsync(cancellationToken);
        try
        {
            await client.GetStream().WriteAsync(bytes, cancellationToken);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Sends a frame, and nothing after it on this connection, not even an answer to a ping.</summary>
    public async Task SendLastAsync(FrameType type, FrameFlags flags, int stream, ReadOnlyMemory<byte> payload)
    {
        await _sending.WaitAsync(cancellationToken);
        await client.GetStream().WriteAsync(Frame(type, flags, stream, payload), cancellationToken);
    }

    public async Task<(FrameType Type, FrameFlags Flags, int Stream, byte[] Payload)> ReadAsync()
    {
        var header = new byte[HeaderBytes];
        await client.GetStream().ReadExactlyAsync(header, cancellationToken);
        var payload = new byte[BinaryPrimitives.ReadUInt32BigEndian(header) >> 8];
        await client.GetStream().ReadExactlyAsync(payload, cancellationToken);
        return ((FrameType)header[3], (FrameFlags)header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload);
    }

    /// <summary>Closes the connection: in order (FIN), or cut (RST).</summary>
    public void Close(bool cut)
    {
        if (cut)
        {
            client.LingerState = new LingerOption(true, 0);
        }

        client.Close();
    }

    public void Dispose() => _sending.Dispose();
}

/// <summary>One call at a <see cref="RawHttp2Server"/>: frames as the test wants them.</summary>
internal sealed class RawStream(RawConnection connection, int id)
{
    public static readonly (string Name, string Value) Ok = (":status", "200");
    public static readonly (string Name, string Value) Type = ("content-type", "application/grpc");
    public static readonly (string Name, string Value)[] Grpc = [Ok, Type];

    private readonly CancellationTokenSource _left = CancellationTokenSource.CreateLinkedTokenSource(connection.Left);

    public RawConnection Connection => connection;

    public int Id => id;

    /// <summary>The client has reset the call, or the connection is gone.</summary>
    public CancellationToken Left => _left.Token;

    public Task LeaveAsync() => _left.CancelAsync();

    public Task SendAsync(FrameType type, FrameFlags flags, ReadOnlyMemory<byte> payload, int? stream = null) =>
        connection.SendAsync(type, flags, stream ?? id, payload);

    /// <summary>Waits until the client gives up.</summary>
    public async Task HangAsync() => await Task.Delay(Timeout.Infinite, Left).ContinueWith(static _ => { }, TaskScheduler.Default);

    public Task HeadersAsync(bool end, IEnumerable<(string Name, string Value)> headers, params (string Name, string Value)[] more) => SendAsync(
        FrameType.Headers, FrameFlags.EndHeaders | (end ? FrameFlags.EndStream : FrameFlags.None), Encode([.. headers, .. more]));

    public Task TrailersAsync(params (string Name, string Value)[] trailers) =>
        HeadersAsync(end: true, trailers.Length == 0 ? [("grpc-status", "0")] : trailers);

    public Task DataAsync(ReadOnlyMemory<byte> bytes, bool end = false) =>
        SendAsync(FrameType.Data, end ? FrameFlags.EndStream : FrameFlags.None, bytes);

    public Task MessageAsync(byte[] message) => DataAsync(ReplayServer.Frame(message));

    /// <summary>A whole answer as it should be.</summary>
    public async Task AnswerAsync(IEnumerable<byte[]> messages)
    {
        await HeadersAsync(end: false, Grpc);
        foreach (var message in messages)
        {
            foreach (var part in ReplayServer.Frame(message).Chunk(16_384))
            {
                await DataAsync(part);
            }
        }

        await TrailersAsync();
    }

    /// <summary>Each header as a literal without indexing and without Huffman codes (RFC 7541, 6.2.2).</summary>
    public static byte[] Encode(params (string Name, string Value)[] headers)
    {
        using var block = new MemoryStream();
        foreach (var (name, value) in headers)
        {
            block.WriteByte(0);
            Write(Encoding.Latin1.GetBytes(name));
            Write(Encoding.Latin1.GetBytes(value));
        }

        return block.ToArray();

        void Write(byte[] text)
        {
            const int Most = 127;
            block.WriteByte((byte)Math.Min(text.Length, Most));
            if (text.Length >= Most)
            {
                var rest = text.Length - Most;
                for (; rest >= 128; rest >>= 7)
                {
                    block.WriteByte((byte)(rest | 0x80));
                }

                block.WriteByte((byte)rest);
            }

            block.Write(text);
        }
    }
}

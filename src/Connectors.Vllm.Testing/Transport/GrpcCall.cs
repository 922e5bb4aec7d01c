using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Primitives;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>
/// One gRPC call on Kestrel: reads the request message, writes response messages, and ends with a status in the trailers
/// (or in the headers when nothing was written, as gRPC servers do).
/// </summary>
internal sealed class GrpcCall : IDisposable
{
    public const int PrefixLength = 5;
    private const int TogetherCount = 8;
    private const int DripMilliseconds = 2;
    private readonly HttpContext _http;
    private readonly CancellationTokenSource _ended;
    private ServerFault? _fault;
    private bool _tracked;
    private int _unflushed;
    private long _bytesWritten;

    public GrpcCall(HttpContext http, ConnectionTap? connection)
    {
        _http = http;
        Connection = connection;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        Deadline = GrpcTimeout.Parse(http.Request.Headers["grpc-timeout"].ToString());
        if (Deadline is { } limit)
        {
            _ended.CancelAfter(limit);
        }
    }

    public string Path => _http.Request.Path.Value ?? "";

    public IHeaderDictionary Metadata => _http.Request.Headers;

    public ConnectionTap? Connection { get; }

    public TimeSpan? Deadline { get; }

    /// <summary>Cancelled when the client cancels, the connection ends or the deadline passes.</summary>
    public CancellationToken Cancelled => _ended.Token;

    /// <summary>Whether the client cancelled or its connection ended; false if only the deadline passed.</summary>
    public bool ClientDisconnected => _http.RequestAborted.IsCancellationRequested;

    public int MessagesWritten { get; private set; }

    /// <summary>The number of messages per flush (and, as far as they fit, per DATA frame).</summary>
    public int MessagesPerFlush { get; set; } = 1;

    /// <summary>Whether the response has ended, so that no status can be sent (reset, dropped connection, omitted trailers).</summary>
    public bool Ended { get; set; }

    /// <summary>The fault to inject after its number of messages.</summary>
    public ServerFault? Fault
    {
        get => _fault;
        set
        {
            _fault = value;
            if (value is not null)
            {
                _tracked = true;
                Connection?.Track(StreamId);
            }
        }
    }

    private int StreamId => _http.Features.GetRequiredFeature<IHttp2StreamIdFeature>().StreamId;

    private PipeWriter Body => _http.Response.BodyWriter;

    /// <summary>Applies the fault and the message delivery of a reply.</summary>
    public void Use(ScriptedReply reply)
    {
        Fault ??= reply.Fault;
        MessagesPerFlush = reply.Delivery == MessageDelivery.Together ? TogetherCount : 1;
        if (reply.Delivery is MessageDelivery.SingleBytes or MessageDelivery.SlowDrip)
        {
            Connection?.SplitEveryByte(reply.Delivery == MessageDelivery.SlowDrip ? DripMilliseconds : 0);
        }
        else
        {
            Connection?.StopSplitting();
        }
    }

    /// <summary>Reads the one request message of a unary or server-streaming call.</summary>
    /// <param name="limit">The maximum size of the message in bytes, or null.</param>
    /// <param name="acceptGzip">Whether a gzip-compressed message is accepted.</param>
    public async Task<byte[]> ReadRequestAsync(int? limit, bool acceptGzip)
    {
        var reader = _http.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(Cancelled).ConfigureAwait(false);
            if (TryReadMessage(read.Buffer, limit, out var message, out var compressed))
            {
                reader.AdvanceTo(read.Buffer.End);
                return compressed ? Inflate(message, acceptGzip) : message;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                throw RpcFailure.Internal("the request stream ended before one whole message arrived");
            }
        }
    }

    /// <summary>Sends the response headers without a message.</summary>
    public Task SendHeadersAsync()
    {
        SetHeaders();
        return _http.Response.BodyWriter.FlushAsync(CancellationToken.None).AsTask();
    }

    public ValueTask WriteAsync(IMessage message)
    {
        if (Fault is { } fault && MessagesWritten == fault.AfterMessages)
        {
            return new ValueTask(FaultInjector.InjectAsync(this, fault));
        }

        var size = message.CalculateSize();
        SetHeaders();
        var span = Body.GetSpan(size + PrefixLength);
        span[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(span[1..], size);
        message.WriteTo(span.Slice(PrefixLength, size));
        Body.Advance(size + PrefixLength);
        _bytesWritten += size + PrefixLength;
        return AfterWriteAsync();
    }

    public ValueTask WriteAsync(ReadOnlySpan<byte> message)
    {
        SetHeaders();
        Span<byte> prefix = stackalloc byte[PrefixLength];
        prefix[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(prefix[1..], message.Length);
        Body.Write(prefix);
        Body.Write(message);
        _bytesWritten += message.Length + PrefixLength;
        return AfterWriteAsync();
    }

    /// <summary>Writes bytes without a length prefix, for invalid frames.</summary>
    public async Task WriteRawAsync(ReadOnlyMemory<byte> bytes)
    {
        SetHeaders();
        await FlushAsync().ConfigureAwait(false);
        await Body.WriteAsync(bytes, CancellationToken.None).ConfigureAwait(false);
        _bytesWritten += bytes.Length;
    }

    /// <summary>Waits until everything written has been sent to the client; only for calls with a fault.</summary>
    public async Task DrainAsync()
    {
        await FlushAsync().ConfigureAwait(false);
        if (Connection is { } connection)
        {
            await connection.WaitUntilSentAsync(StreamId, _bytesWritten).ConfigureAwait(false);
        }
    }

    public async ValueTask FlushAsync()
    {
        if (_unflushed > 0)
        {
            _unflushed = 0;
            await Body.FlushAsync(Cancelled).ConfigureAwait(false);
        }
    }

    /// <summary>Ends a successful call, after injecting a fault that is due at its end.</summary>
    public async Task FinishAsync()
    {
        if (Fault is { } fault && MessagesWritten <= fault.AfterMessages)
        {
            await FaultInjector.InjectAsync(this, fault).ConfigureAwait(false);
        }

        await FinishAsync(RpcStatus.Ok, "").ConfigureAwait(false);
    }

    /// <summary>Ends the call with a status.</summary>
    public async Task FinishAsync(RpcStatus status, string detail)
    {
        if (Ended || ClientDisconnected)
        {
            return;
        }

        Ended = true;
        var statusText = new StringValues(((int)status).ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (_http.Response.HasStarted || MessagesWritten > 0)
        {
            _http.Response.AppendTrailer("grpc-status", statusText);
            if (detail.Length > 0)
            {
                _http.Response.AppendTrailer("grpc-message", GrpcMessageText.Encode(detail));
            }
        }
        else
        {
            SetHeaders();
            _http.Response.Headers["grpc-status"] = statusText;
            if (detail.Length > 0)
            {
                _http.Response.Headers["grpc-message"] = GrpcMessageText.Encode(detail);
            }
        }

        await _http.Response.CompleteAsync().ConfigureAwait(false);
    }

    /// <summary>Ends the response without trailers.</summary>
    public async Task FinishWithoutTrailersAsync()
    {
        Ended = true;
        SetHeaders();
        await FlushAsync().ConfigureAwait(false);
        await _http.Response.CompleteAsync().ConfigureAwait(false);
    }

    /// <summary>Sends RST_STREAM with an HTTP/2 error code.</summary>
    public async Task ResetAsync(int errorCode)
    {
        Ended = true;
        await FlushAsync().ConfigureAwait(false);
        _http.Features.GetRequiredFeature<IHttpResetFeature>().Reset(errorCode);
    }

    /// <summary>Answers with a plain HTTP status and content type, like a web server without gRPC.</summary>
    public async Task AnswerAsHttpAsync(int statusCode, string contentType, string body)
    {
        Ended = true;
        _http.Response.StatusCode = statusCode;
        _http.Response.ContentType = contentType;
        await _http.Response.WriteAsync(body, CancellationToken.None).ConfigureAwait(false);
        await _http.Response.CompleteAsync().ConfigureAwait(false);
    }

    public void Dispose()
    {
        if (_tracked)
        {
            Connection?.Untrack(StreamId);
        }

        _ended.Dispose();
    }

    private static bool TryReadMessage(ReadOnlySequence<byte> buffer, int? limit, out byte[] message, out bool compressed)
    {
        message = [];
        compressed = false;
        if (buffer.Length < PrefixLength)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[PrefixLength];
        buffer.Slice(0, PrefixLength).CopyTo(prefix);
        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (length > limit)
        {
            throw new RpcFailure(RpcStatus.OutOfRange, $"Error, decoded message length too large: found {length} bytes, the limit is: {limit} bytes");
        }

        if (buffer.Length - PrefixLength < length)
        {
            return false;
        }

        compressed = prefix[0] == 1;
        message = buffer.Slice(PrefixLength, length).ToArray();
        return true;
    }

    private byte[] Inflate(byte[] message, bool acceptGzip)
    {
        var encoding = Metadata["grpc-encoding"].ToString();
        if (!acceptGzip || encoding != "gzip")
        {
            throw RpcFailure.Unimplemented($"Content is compressed with `{encoding}` which isn't supported");
        }

        using var gzip = new GZipStream(new MemoryStream(message), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        gzip.CopyTo(plain);
        return plain.ToArray();
    }

    private void SetHeaders()
    {
        if (!_http.Response.HasStarted)
        {
            _http.Response.ContentType ??= "application/grpc";
        }
    }

    private ValueTask AfterWriteAsync()
    {
        MessagesWritten++;
        _unflushed++;
        return _unflushed >= MessagesPerFlush ? FlushAsync() : ValueTask.CompletedTask;
    }
}

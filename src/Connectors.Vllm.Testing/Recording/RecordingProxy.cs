using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Recording;

/// <summary>Forwards every call to a real server, message by message, and appends each exchange to a file as one JSON line.</summary>
internal sealed class RecordingProxy : IDisposable
{
    private const int MaxFieldBytes = 1 << 30;
    private readonly HttpClient _client;
    private readonly string? _file;
    private readonly Lock _gate = new();
    private int _number;

    public RecordingProxy(Uri upstream, string? file)
    {
        _file = file;
        _client = new HttpClient(new SocketsHttpHandler { EnableMultipleHttp2Connections = true })
        {
            BaseAddress = upstream,
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public async Task HandleAsync(GrpcCall call, byte[] request)
    {
        var responses = new List<byte[]>();
        var (status, details) = (RpcStatus.Cancelled, "");
        try
        {
            using var response = await SendAsync(call, request).ConfigureAwait(false);
            using var body = await response.Content.ReadAsStreamAsync(call.Cancelled).ConfigureAwait(false);
            while (await ReadMessageAsync(body, call.Cancelled).ConfigureAwait(false) is { } message)
            {
                responses.Add(message);
                await call.WriteAsync(message).ConfigureAwait(false);
            }

            (status, details) = Status(response);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or SocketException)
        {
            (status, details) = (RpcStatus.Unavailable, $"upstream: {exception.Message}");
        }
        finally
        {
            Append(new ExchangeRecord(call.Path, request, responses, StatusName.Of((int)status), details));
        }

        if (status != RpcStatus.Ok)
        {
            throw new RpcFailure(status, details);
        }
    }

    public void Dispose() => _client.Dispose();

    private static (RpcStatus Status, string Details) Status(HttpResponseMessage response)
    {
        var status = Header(response, "grpc-status");
        return int.TryParse(status, NumberStyles.None, CultureInfo.InvariantCulture, out var code)
            ? ((RpcStatus)code, Uri.UnescapeDataString(Header(response, "grpc-message") ?? ""))
            : (RpcStatus.Unknown, $"upstream answered HTTP {(int)response.StatusCode} without a grpc-status");
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.TrailingHeaders.TryGetValues(name, out var values) || response.Headers.TryGetValues(name, out values)
            ? string.Join(',', values)
            : null;

    private static async Task<byte[]?> ReadMessageAsync(Stream body, CancellationToken cancellationToken)
    {
        var prefix = new byte[GrpcCall.PrefixLength];
        var read = await body.ReadAtLeastAsync(prefix, prefix.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (read == 0)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix.AsSpan(1));
        if (read < prefix.Length || prefix[0] != 0 || length > MaxFieldBytes)
        {
            throw new IOException("the upstream server sent a frame that cannot be recorded");
        }

        var message = new byte[length];
        await body.ReadExactlyAsync(message, cancellationToken).ConfigureAwait(false);
        return message;
    }

    private async Task<HttpResponseMessage> SendAsync(GrpcCall call, byte[] request)
    {
        var framed = new byte[request.Length + GrpcCall.PrefixLength];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), request.Length);
        request.CopyTo(framed, GrpcCall.PrefixLength);
        using var message = new HttpRequestMessage(HttpMethod.Post, call.Path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(framed),
        };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        message.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        foreach (var (name, values) in call.Metadata)
        {
            // Only metadata is forwarded; headers that belong to the connection or to the encoding of the request are set by the client.
            if (!name.StartsWith(':') && name is not ("te" or "TE" or "Host") && !name.StartsWith("content-", StringComparison.OrdinalIgnoreCase)
                && !name.StartsWith("grpc-", StringComparison.OrdinalIgnoreCase) && !name.Equals("user-agent", StringComparison.OrdinalIgnoreCase))
            {
                message.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        return await _client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, call.Cancelled).ConfigureAwait(false);
    }

    private void Append(ExchangeRecord exchange)
    {
        if (_file is null)
        {
            return;
        }

        lock (_gate)
        {
            using var stream = new FileStream(_file, FileMode.Append, FileAccess.Write, FileShare.Read);
            exchange.Write(stream, $"{exchange.Rpc[(exchange.Rpc.LastIndexOf('/') + 1)..]}-{++_number}");
        }
    }
}

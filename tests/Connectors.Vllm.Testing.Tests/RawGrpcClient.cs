using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>The least gRPC client there is: one request message, all response messages, status. Independent of the client under src/.</summary>
internal sealed class RawGrpcClient : IDisposable
{
    private readonly SocketsHttpHandler _handler = new() { EnableMultipleHttp2Connections = true };
    private readonly HttpClient _client;

    public RawGrpcClient(Uri endpoint) => _client = new HttpClient(_handler) { BaseAddress = endpoint, Timeout = TimeSpan.FromSeconds(30) };

    public Task<RawAnswer> CallAsync(string method, IMessage request, CancellationToken cancellationToken) =>
        CallAsync(method, request.ToByteArray(), cancellationToken);

    public async Task<RawAnswer> CallAsync(string method, byte[] request, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(method, request, cancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        return new RawAnswer(Split(body), Header(response, "grpc-status") is { } status
            ? int.Parse(status)
            : null, Uri.UnescapeDataString(Header(response, "grpc-message") ?? ""), (int)response.StatusCode);
    }

    public async Task<HttpResponseMessage> SendAsync(string method, byte[] request, CancellationToken cancellationToken, bool chatty = true)
    {
        var framed = new byte[request.Length + 5];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), request.Length);
        request.CopyTo(framed, 5);
        var message = new HttpRequestMessage(HttpMethod.Post, method)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(framed),
        };
        message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        message.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        return await _client.SendAsync(
            message, chatty ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead, cancellationToken);
    }

    public void Dispose()
    {
        _client.Dispose();
        _handler.Dispose();
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.TrailingHeaders.TryGetValues(name, out var values) || response.Headers.TryGetValues(name, out values)
            ? string.Join(",", values)
            : null;

    private static List<byte[]> Split(byte[] body)
    {
        var messages = new List<byte[]>();
        for (var at = 0; at < body.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at + 1));
            messages.Add(body.AsSpan(at + 5, length).ToArray());
            at += 5 + length;
        }

        return messages;
    }
}

internal sealed record RawAnswer(IReadOnlyList<byte[]> Messages, int? Status, string Detail, int HttpStatus)
{
    public IReadOnlyList<T> Parse<T>(MessageParser<T> parser)
        where T : IMessage<T> => [.. Messages.Select(parser.ParseFrom)];
}

/// <summary>Paths of the methods these tests call.</summary>
internal static class Methods
{
    public const string Generate = "/vllm.grpc.engine.VllmEngine/Generate";
    public const string Abort = "/vllm.grpc.engine.VllmEngine/Abort";
    public const string Embed = "/vllm.grpc.engine.VllmEngine/Embed";
    public const string InferenceGenerate = "/vllm.Inference/Generate";
    public const string InferenceStream = "/vllm.Inference/GenerateStream";
}

using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>The floor: HTTP/2, a buffered read loop and protobuf, nothing else; ids are counted, never decoded.</summary>
internal sealed class FloorStreamClient : IStreamClient
{
    public const string ClientName = "floor";

    private readonly HttpClient _http;
    private readonly Uri _generate;
    private readonly GenerateRequest _request;

    public FloorStreamClient(Uri endpoint, StreamCase @case)
    {
        _http = new HttpClient(new SocketsHttpHandler { EnableMultipleHttp2Connections = true }) { Timeout = Timeout.InfiniteTimeSpan };
        _generate = new Uri(endpoint, "/vllm.grpc.engine.VllmEngine/Generate");
        _request = GrpcDialect.Request(@case);
    }

    public string Name => ClientName;

    public async Task<int> ReadAsync(int number, List<long>? arrivals)
    {
        using HttpRequestMessage message = new(HttpMethod.Post, _generate)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(GrpcDialect.Frame(GrpcDialect.WithNumber(_request, number)))
            { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
            Headers = { TE = { new TransferCodingWithQualityHeaderValue("trailers") } },
        };
        using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        var (start, end, ids) = (0, 0, 0);
        while (true)
        {
            while (end - start >= 5 && BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(start + 1)) is var length && end - start - 5 >= length)
            {
                var answer = GenerateResponse.Parser.ParseFrom(buffer, start + 5, length);
                ids += answer.Chunk?.TokenIds.Count ?? 0;
                arrivals?.Add(Stopwatch.GetTimestamp());
                start += 5 + length;
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            var read = await body.ReadAsync(buffer.AsMemory(end));
            if (read == 0)
            {
                ArrayPool<byte>.Shared.Return(buffer);
                return ids;
            }

            end += read;
        }
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }
}

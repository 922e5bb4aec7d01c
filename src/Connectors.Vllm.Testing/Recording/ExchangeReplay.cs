using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;
using Google.Protobuf;
using EngineProtocol = Connectors.Vllm.Grpc.Protocol.Engine;
using InferenceProtocol = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Testing.Recording;

/// <summary>
/// Answers calls from recorded exchanges. A call matches the exchanges of its path whose request is equal apart from the request id; several are used
/// in turn, and the last one is repeated. An Abort is always answered. A call that was not recorded fails with FAILED_PRECONDITION.
/// </summary>
internal sealed class ExchangeReplay
{
    private readonly Dictionary<string, Queue<ExchangeRecord>> _exchanges = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    private ExchangeReplay()
    {
    }

    public static ExchangeReplay Load(string file)
    {
        var replay = new ExchangeReplay();
        var number = 0;
        try
        {
            foreach (var line in File.ReadLines(file))
            {
                number++;
                if (line.Length > 0)
                {
                    var exchange = ExchangeRecord.Parse(line);
                    var key = Key(exchange.Rpc, exchange.Request);
                    if (!replay._exchanges.TryGetValue(key, out var queue))
                    {
                        replay._exchanges[key] = queue = new Queue<ExchangeRecord>();
                    }

                    queue.Enqueue(exchange);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or FormatException
            or KeyNotFoundException or InvalidOperationException)
        {
            var place = number > 0 ? $" (line {number})" : "";
            throw new InvalidDataException($"The recording '{file}' cannot be replayed{place}: {exception.Message}", exception);
        }

        return replay;
    }

    public async Task HandleAsync(GrpcCall call, byte[] request)
    {
        if (Find(call.Path, request) is not { } exchange)
        {
            if (call.Path.EndsWith("/Abort", StringComparison.Ordinal))
            {
                await call.WriteAsync([]).ConfigureAwait(false);
                return;
            }

            throw new RpcFailure(RpcStatus.FailedPrecondition, $"the recording contains no {call.Path} call with this request");
        }

        foreach (var response in exchange.Responses)
        {
            await call.WriteAsync(response).ConfigureAwait(false);
        }

        var status = (RpcStatus)StatusName.CodeOf(exchange.Status);
        if (status != RpcStatus.Ok)
        {
            throw new RpcFailure(status, exchange.Details);
        }
    }

    private ExchangeRecord? Find(string path, byte[] request)
    {
        lock (_gate)
        {
            return !_exchanges.TryGetValue(Key(path, request), out var queue) ? null : queue.Count > 1 ? queue.Dequeue() : queue.Peek();
        }
    }

    private static string Key(string path, byte[] request) => path + " " + Convert.ToHexString(WithoutRequestId(path, request));

    private static byte[] WithoutRequestId(string path, byte[] request)
    {
        try
        {
            if (path == VllmEngineService.Service + "Generate")
            {
                var message = EngineProtocol.GenerateRequest.Parser.ParseFrom(request);
                message.RequestId = "";
                return message.ToByteArray();
            }

            if (path == VllmEngineService.Service + "Embed")
            {
                var message = EngineProtocol.EmbedRequest.Parser.ParseFrom(request);
                message.RequestId = "";
                return message.ToByteArray();
            }

            if (path.StartsWith("/vllm.", StringComparison.Ordinal) && path.Contains("/Generate", StringComparison.Ordinal))
            {
                var message = InferenceProtocol.GenerateRequest.Parser.ParseFrom(request);
                message.RequestId = "";
                return message.ToByteArray();
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // Compared as bytes.
        }

        return request;
    }
}

/// <summary>
/// One recorded exchange: a JSON object on a line of its own, with <c>label</c>, <c>stream</c>, <c>rpc</c> (full path), <c>request</c> and
/// <c>responses</c> (protobuf bytes as hex), <c>status</c> (name) and <c>details</c>. Further properties are ignored.
/// </summary>
internal sealed record ExchangeRecord(string Rpc, byte[] Request, IReadOnlyList<byte[]> Responses, string Status, string Details)
{
    public static ExchangeRecord Parse(string line)
    {
        using var json = JsonDocument.Parse(line);
        var root = json.RootElement;
        return new ExchangeRecord(
            Text(root, "rpc"),
            Convert.FromHexString(Text(root, "request")),
            [.. root.GetProperty("responses").EnumerateArray().Select(hex => Convert.FromHexString(hex.GetString()!))],
            Text(root, "status"),
            root.TryGetProperty("details", out var details) ? details.GetString() ?? "" : "");
    }

    public void Write(Stream stream, string label)
    {
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteString("label", label);
            writer.WriteBoolean("stream", IsStreaming());
            writer.WriteString("rpc", Rpc);
            writer.WriteString("request", Convert.ToHexStringLower(Request));
            writer.WriteStartArray("responses");
            foreach (var response in Responses)
            {
                writer.WriteStringValue(Convert.ToHexStringLower(response));
            }

            writer.WriteEndArray();
            writer.WriteString("status", Status);
            writer.WriteString("details", Details);
            writer.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
    }

    /// <summary>
    /// Whether the request is for a stream, which is a field in the VllmEngine protocol and a separate method in the Inference protocol.
    /// </summary>
    private bool IsStreaming()
    {
        if (Rpc != VllmEngineService.Service + "Generate")
        {
            return Rpc.EndsWith("/GenerateStream", StringComparison.Ordinal);
        }

        try
        {
            return GenerateRequest.Parser.ParseFrom(Request).Stream;
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }

    private static string Text(JsonElement root, string name) =>
        root.GetProperty(name).GetString() ?? throw new JsonException($"\"{name}\" is null");
}

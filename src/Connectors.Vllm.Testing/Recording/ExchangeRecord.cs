using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Protocols;
using Google.Protobuf;

namespace Connectors.Vllm.Testing.Recording;

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

    /// <summary>Whether the request asked for a stream: in the VllmEngine protocol a field of it, in the Inference protocol another call.</summary>
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

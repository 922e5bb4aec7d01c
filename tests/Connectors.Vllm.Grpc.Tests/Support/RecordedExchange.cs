using System.Text.Json;

namespace Connectors.Vllm.Grpc.Tests;

internal sealed record RecordedExchange(
    EmulatedServer Server, string Label, string Method, byte[] Request, IReadOnlyList<byte[]> Responses, string Status, string Details,
    JsonElement Expected)
{
    public bool IsGeneration => Method.EndsWith("/Generate", StringComparison.Ordinal)
        || Method.EndsWith("/GenerateStream", StringComparison.Ordinal);

    public int StatusCode => Shared.StatusName.CodeOf(Status);

    public override string ToString() => $"{Server} {Label}";
}

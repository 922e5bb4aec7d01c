using Google.Protobuf;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>The request builders write, from the same options, what was sent to the live server.</summary>
public sealed class RecordedRequestTests
{
    /// <summary>
    /// Not comparable: requests that leave out what this client always says (a bound, the form of the response) or that it refuses to build.
    /// </summary>
    private static readonly HashSet<string> Skipped = ["A e-max0", "B e-none", "B e-schema-json"];

    [Fact]
    public void Build_EveryRecordedGeneration_WritesTheRecordedBytes()
    {
        var compared = 0;
        var differing = new List<string>();
        foreach (var exchange in Recordings.All.Where(exchange => exchange.IsGeneration && !Skipped.Contains(exchange.ToString())))
        {
            var built = exchange.Family == "A" ? BuildEngine(exchange) : BuildInference(exchange);
            compared++;
            if (!built.AsSpan().SequenceEqual(exchange.Request))
            {
                differing.Add($"{exchange}: {Convert.ToHexStringLower(built)} instead of {Convert.ToHexStringLower(exchange.Request)}");
            }
        }

        Assert.True(compared > 100, $"only {compared} requests were compared");
        Assert.Empty(differing);
    }

    private static byte[] BuildEngine(RecordedExchange exchange)
    {
        var (request, sampling, id) = RequestReading.FromEngine(exchange.Request);
        return EngineRequestBuilder.Build(request, sampling, id).ToByteArray();
    }

    private static byte[] BuildInference(RecordedExchange exchange)
    {
        var stream = exchange.Method.EndsWith("Stream", StringComparison.Ordinal);
        var (request, sampling, id) = RequestReading.FromInference(exchange.Request, stream);
        return InferenceRequestBuilder.Build(request, sampling, id).ToByteArray();
    }
}

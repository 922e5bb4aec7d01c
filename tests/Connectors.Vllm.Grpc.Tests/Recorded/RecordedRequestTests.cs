using Connectors.Vllm.Grpc.Protocol.Inference;
using Google.Protobuf;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>The request builders write, from the same options, what was sent to the live server.</summary>
public sealed class RecordedRequestTests
{
    [Fact]
    public void Build_EveryRecordedGeneration_WritesTheRecordedBytes()
    {
        var compared = 0;
        var differing = new List<string>();
        foreach (var exchange in Recordings.All.Where(IsComparable))
        {
            var built = exchange.Server == EmulatedServer.VllmEngine ? BuildEngine(exchange) : BuildInference(exchange);
            compared++;
            if (!built.AsSpan().SequenceEqual(Canonical(exchange)))
            {
                differing.Add($"{exchange}: {Convert.ToHexStringLower(built)} instead of {Convert.ToHexStringLower(exchange.Request)}");
            }
        }

        Assert.Equal(Recordings.All.Count(exchange => exchange.IsGeneration) - 2, compared);
        Assert.True(differing.Count == 0, string.Join("\n", differing));
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, "e-max0", nameof(SamplingOptions.MaxTokens))]
    [InlineData(EmulatedServer.Inference, "e-none", nameof(GenerationRequest.PromptIds))]
    [InlineData(EmulatedServer.Inference, "e-empty", nameof(GenerationRequest.PromptIds))]
    public async Task Generate_RecordedRequestThatIsRefusedHere_IsNotSent(EmulatedServer protocol, string label, string parameter)
    {
        var exchange = Recordings.Get(protocol, label);
        await using var server = await ReplayServer.StartAsync();
        server.AnswerInformation(protocol);
        await using var engine = Engines.Create(server.Endpoint);
        var request = protocol == EmulatedServer.VllmEngine
            ? RequestReading.FromEngine(exchange.Request).Request
            : RequestReading.FromInference(exchange.Request, stream: true).Request;

        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(request).CollectAsync());

        Assert.Equal(parameter, e.Parameter);
        Assert.DoesNotContain(server.Received, call => call.Method == exchange.Method);
    }

    [Fact]
    public void JsonSchema_RecordedTextThatIsNoJson_IsRefusedWhenItIsMade()
    {
        var recorded = GenerateRequest.Parser.ParseFrom(Recordings.Get(EmulatedServer.Inference, "e-schema-json").Request);

        Assert.Throws<VllmRequestException>(() => OutputConstraint.JsonSchema(recorded.Decoding.Json));
    }

    /// <summary>
    /// Not comparable: a request without any prompt and one whose constraint is no JSON; both are refused before a message is built.
    /// </summary>
    private static bool IsComparable(RecordedExchange exchange) => exchange.IsGeneration
        && (exchange.Server, exchange.Label) is not (EmulatedServer.Inference, "e-none" or "e-schema-json");

    /// <summary>
    /// The recorded bytes; written again where they hold a bias for token 0, because writers may leave the zero key of a map entry out.
    /// </summary>
    private static byte[] Canonical(RecordedExchange exchange) =>
        (exchange.Server, exchange.Label.StartsWith("secondary-eos", StringComparison.Ordinal)) switch
        {
            (EmulatedServer.VllmEngine, true) => Protocol.Engine.GenerateRequest.Parser.ParseFrom(exchange.Request).ToByteArray(),
            (EmulatedServer.Inference, true) => GenerateRequest.Parser.ParseFrom(exchange.Request).ToByteArray(),
            _ => exchange.Request,
        };

    private static byte[] BuildEngine(RecordedExchange exchange)
    {
        var (request, sampling, id) = RequestReading.FromEngine(exchange.Request);
        return VllmEngineRequestBuilder.Build(request, sampling, id).ToByteArray();
    }

    private static byte[] BuildInference(RecordedExchange exchange)
    {
        var stream = exchange.Method.EndsWith("Stream", StringComparison.Ordinal);
        var (request, sampling, id) = RequestReading.FromInference(exchange.Request, stream);
        return InferenceRequestBuilder.Build(request, sampling, id).ToByteArray();
    }
}

using Google.Protobuf;
using Grpc.Net.Client;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>What would end an engine for everyone (some front ends check nothing) never leaves the client, whatever the server's protocol.</summary>
public sealed class DangerousRequestTests
{
    private static readonly int[] Prompt = [1, 2];

    public static TheoryData<EmulatedServer, string> Cases => new(
        new[] { EmulatedServer.VllmEngine, EmulatedServer.VllmEngineRust, EmulatedServer.Inference }
            .SelectMany(protocol => Dangerous.Keys.Select(name => (protocol, name))));

    private static Dictionary<string, GenerationRequest> Dangerous { get; } = new()
    {
        ["log probabilities above the vocabulary"] = new() { PromptIds = Prompt, VocabularySize = 300, Logprobs = 60_000 },
        ["prompt log probabilities above the vocabulary"] = new() { PromptIds = Prompt, VocabularySize = 300, PromptLogprobs = 60_000 },
        ["log probabilities, vocabulary unknown"] = new() { PromptIds = Prompt, Logprobs = 60_000 },
        ["log probabilities of a text prompt"] = new() { PromptText = "Hi", Logprobs = 60_000 },
        ["prompt id outside the vocabulary"] = new() { PromptIds = new[] { 1, 1_000_000 }, VocabularySize = 300 },
        ["prompt id above any vocabulary, its size unknown"] = new() { PromptIds = new[] { 1, 524_288 } },
        ["chosen id for log probabilities, vocabulary unknown"] = new() { PromptIds = Prompt, LogprobTokenIds = [60_000] },
        ["chosen id for log probabilities outside the vocabulary"] = new() { PromptIds = Prompt, VocabularySize = 300, LogprobTokenIds = [300] },
        ["allowed id outside the vocabulary"] = new()
        { PromptIds = Prompt, VocabularySize = 300, Sampling = new() { AllowedTokenIds = [1_000_000] } },
        ["stop id outside the vocabulary"] = new() { PromptIds = Prompt, VocabularySize = 300, StopTokenIds = [1_000_000] },
        ["prompt that fills the context"] = new() { PromptIds = Enumerable.Repeat(1, 4_096).ToArray() },
        ["several greedy choices"] = new() { PromptIds = Prompt, Sampling = new() { ChoiceCount = 2, Temperature = 0 } },
        ["temperature below 0"] = new() { PromptIds = Prompt, Sampling = new() { Temperature = -0.1f } },
        ["repetition penalty below 0"] = new() { PromptIds = Prompt, Sampling = new() { RepetitionPenalty = -1 } },
        ["more choices than a server has places for"] = new() { PromptIds = Prompt, Sampling = new() { ChoiceCount = 100_000 } },
        ["biased id outside the vocabulary"] = new()
        { PromptIds = Prompt, VocabularySize = 300, Sampling = new() { LogitBias = new Dictionary<int, float> { [1_000_000] = 1 } } },
        ["biased id, vocabulary unknown"] = new()
        { PromptIds = Prompt, Sampling = new() { LogitBias = new Dictionary<int, float> { [60_000] = 1 } } },
        ["biased id below 0"] = new() { PromptIds = Prompt, Sampling = new() { LogitBias = new Dictionary<int, float> { [-1] = 1 } } },
        ["allowed id, vocabulary unknown"] = new() { PromptIds = Prompt, Sampling = new() { AllowedTokenIds = [60_000] } },
        ["biased id of a text prompt"] = new()
        { PromptText = "Hi", Sampling = new() { LogitBias = new Dictionary<int, float> { [60_000] = 1 } } },
        ["prompt log probabilities of a text prompt"] = new() { PromptText = "Hi", PromptLogprobs = 60_000 },
        ["prompt log probabilities, vocabulary unknown"] = new() { PromptIds = Prompt, PromptLogprobs = 60_000 },
        ["prompt id below 0"] = new() { PromptIds = new[] { 1, -1 } },
        ["empty prompt"] = new() { PromptIds = Array.Empty<int>() },
        ["empty text prompt"] = new() { PromptText = "" },
        ["prompt beyond the context"] = new() { PromptIds = Enumerable.Repeat(1, 5_000).ToArray() },
        ["temperature above 2"] = new() { PromptIds = Prompt, Sampling = new() { Temperature = 2.5f } },
        ["repetition penalty 0"] = new() { PromptIds = Prompt, Sampling = new() { RepetitionPenalty = 0 } },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Generate_RequestThatWouldEndTheEngine_NeverLeaves(EmulatedServer protocol, string name)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol, ContextLength = 4_096 });
        await using var engine = Engines.Create(server.Endpoint);

        var exception = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(Dangerous[name]).CollectAsync());

        Assert.Null(exception.Method);
        Assert.DoesNotContain(server.Requests, request => request.Method.Contains("Generate", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("log probabilities above the vocabulary")]
    [InlineData("prompt id outside the vocabulary")]
    [InlineData("biased id outside the vocabulary")]
    [InlineData("empty prompt")]
    [InlineData("prompt beyond the context")]
    [InlineData("temperature above 2")]
    public async Task Generate_TheSameRequestSentByAnother_EndsTheEngine(string name)
    {
        // What the checks are for: with this client's own request builder, but past its checks.
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, ContextLength = 4_096 });
        using var channel = GrpcChannel.ForAddress(server.Endpoint);
        var request = Dangerous[name];
        var message = VllmEngineRequestBuilder.Build(request, request.Sampling, "raw");

        var (_, status) = await RawCall.SendAsync(channel, VllmEngineMethods.Generate.FullName, message.ToByteArray());

        Assert.Equal("engine core reported fatal failure", status.Detail);
        await using var engine = Engines.Create(server.Endpoint);
        Assert.False((await engine.HealthAsync()).IsHealthy);
    }

    [Fact]
    public async Task Complete_ClientHasTheTokenizer_ChecksPromptIdsAgainstIt()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        await using var engine = Engines.Create(server.Endpoint);
        await using var client = new VllmGrpcClient(engine, server.Tokenizer);

        var exception = await Assert.ThrowsAsync<VllmRequestException>(
            () => client.CompleteAsync(new GenerationRequest { PromptIds = new[] { 1, server.Tokenizer.VocabularySize } }));

        Assert.Equal(nameof(GenerationRequest.PromptIds), exception.Parameter);
        Assert.Empty(server.Generations);
    }

    [Fact]
    public async Task Generate_BiasWithUnknownVocabulary_AsksForItsSize()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        await using var engine = Engines.Create(server.Endpoint);
        var request = new GenerationRequest { PromptIds = Prompt, Sampling = new() { LogitBias = new Dictionary<int, float> { [5_000] = 1 } } };

        var exception = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(request).CollectAsync());

        Assert.Contains(nameof(GenerationRequest.VocabularySize), exception.Message, StringComparison.Ordinal);
    }
}

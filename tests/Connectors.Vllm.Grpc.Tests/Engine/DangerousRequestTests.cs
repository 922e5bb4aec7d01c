using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>What would end an engine for everyone (some front ends check nothing) never leaves the client, whatever the server's protocol.</summary>
public sealed class DangerousRequestTests
{
    private static readonly int[] Prompt = [1, 2];

    public static TheoryData<EmulatedServer, string> Cases => new(
        new[] { EmulatedServer.VllmEngine, EmulatedServer.Inference }.SelectMany(protocol => Dangerous.Keys.Select(name => (protocol, name))));

    private static Dictionary<string, GenerationRequest> Dangerous { get; } = new()
    {
        ["log probabilities above the vocabulary"] = new() { PromptIds = Prompt, VocabularySize = 300, Logprobs = 60_000 },
        ["prompt log probabilities above the vocabulary"] = new() { PromptIds = Prompt, VocabularySize = 300, PromptLogprobs = 60_000 },
        ["log probabilities, vocabulary unknown"] = new() { PromptIds = Prompt, Logprobs = 60_000 },
        ["log probabilities of a text prompt"] = new() { PromptText = "Hi", Logprobs = 60_000 },
        ["prompt id outside the vocabulary"] = new() { PromptIds = new[] { 1, 1_000_000 }, VocabularySize = 300 },
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

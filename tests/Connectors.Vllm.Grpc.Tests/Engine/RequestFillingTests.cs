using Connectors.Vllm.Testing;
using Engine = Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>What is on the wire for what the caller said, and what never gets there.</summary>
public sealed class RequestFillingTests
{
    [Fact]
    public async Task Generate_NothingSaidToVllmEngine_SendsModelDefaultsTemperatureAndBound()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions
        {
            DefaultSamplingParamsJson = """{"temperature":0.5,"top_p":0.75,"top_k":-1,"repetition_penalty":1.25}""",
            ContextLength = 100,
        });
        server.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint);

        await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2, 3 } }).CollectAsync();

        var sent = server.Requests.Single(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal))
            .As<Engine.GenerateRequest>().SamplingParams;
        Assert.Equal((0.5f, 0.75f, 0u, 1.25f, 97u), (sent.Temperature, sent.TopP, sent.TopK, sent.RepetitionPenalty, sent.MaxTokens));
    }

    [Fact]
    public async Task Generate_CallerValues_WinOverModelDefaults()
    {
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { DefaultSamplingParamsJson = """{"temperature":0.5,"top_p":0.75}""", ContextLength = 100 });
        server.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint);

        await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, Sampling = new() { Temperature = 0, MaxTokens = 1000 } })
            .CollectAsync();

        var sent = server.Requests.Single(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal))
            .As<Engine.GenerateRequest>().SamplingParams;
        Assert.True(sent.HasTemperature);
        Assert.Equal((0f, 0.75f, 99u), (sent.Temperature, sent.TopP, sent.MaxTokens));
    }

    [Fact]
    public async Task Generate_NothingSaidToInference_SendsTemperatureIdsAndBound()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference, ContextLength = 100 });
        server.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint);

        await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2, 3 } }).CollectAsync();

        var sent = server.Requests.Single(request => request.Method.EndsWith("/GenerateStream", StringComparison.Ordinal))
            .As<Inference.GenerateRequest>();
        Assert.True(sent.HasTemperature);
        Assert.Equal((1f, 97u, true, false), (sent.Temperature, sent.Stopping.MaxNewTokens, sent.Response.OutputTokenIds, sent.Response.OutputText));
        Assert.NotEqual("", sent.RequestId);
    }

    [Fact]
    public void Build_NeutralValuesForInference_AreWrittenSoThatTheyHoldAgainstModelDefaults()
    {
        var request = new GenerationRequest { PromptIds = new[] { 1 }, VocabularySize = 500 };

        var sent = InferenceRequestBuilder.Build(request, new SamplingOptions { TopK = 0, TopP = 1, MinP = 0, RepetitionPenalty = 1 }, "r");

        Assert.Equal((500u, 1f, 1f), (sent.Sampling.TopK, sent.Sampling.TopP, sent.Decoding.RepetitionPenalty));
        Assert.InRange(sent.Sampling.MinP, float.Epsilon, 1e-6f);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_TruncatedPrompt_KeepsItsEnd(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol, ContextLength = 100 });
        server.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint);

        await engine.GenerateAsync(
            new GenerationRequest { PromptIds = Enumerable.Range(0, 200).ToArray(), Sampling = new() { TruncatePromptTokens = 3 } }).CollectAsync();

        Assert.Equal([197, 198, 199], server.Requests.Single(request => request.Method.Contains("/Generate", StringComparison.Ordinal)).PromptIds);
    }

    public static TheoryData<string, GenerationRequest> BadRequests() => new()
    {
        { nameof(GenerationRequest.PromptIds), new() },
        { nameof(GenerationRequest.PromptIds), new() { PromptIds = new[] { -1 } } },
        { nameof(GenerationRequest.PromptIds), new() { PromptIds = new[] { 1, 5_000_000 } } },
        { nameof(GenerationRequest.PromptIds), new() { PromptIds = new int[100] } },
        { nameof(GenerationRequest.PromptText), new() { PromptIds = new[] { 1 }, PromptText = "x" } },
        { nameof(SamplingOptions.Temperature), Sample(new() { Temperature = -0.1f }) },
        { nameof(SamplingOptions.Temperature), Sample(new() { Temperature = float.NaN }) },
        { nameof(SamplingOptions.TopP), Sample(new() { TopP = 0 }) },
        { nameof(SamplingOptions.TopP), Sample(new() { TopP = 1.1f }) },
        { nameof(SamplingOptions.TopK), Sample(new() { TopK = -2 }) },
        { nameof(SamplingOptions.MinP), Sample(new() { MinP = 2 }) },
        { nameof(SamplingOptions.PresencePenalty), Sample(new() { PresencePenalty = 3 }) },
        { nameof(SamplingOptions.FrequencyPenalty), Sample(new() { FrequencyPenalty = -3 }) },
        { nameof(SamplingOptions.RepetitionPenalty), Sample(new() { RepetitionPenalty = 0 }) },
        { nameof(SamplingOptions.MaxTokens), Sample(new() { MaxTokens = 0 }) },
        { nameof(SamplingOptions.MinTokens), Sample(new() { MinTokens = 5, MaxTokens = 4 }) },
        { nameof(SamplingOptions.ChoiceCount), Sample(new() { ChoiceCount = 2, Temperature = 0 }) },
        { nameof(SamplingOptions.Seed), Sample(new() { Seed = 1L << 40 }) },
        { nameof(SamplingOptions.LogitBias), Sample(new() { LogitBias = new Dictionary<int, float> { [5_000_000] = 1 } }) },
        { nameof(SamplingOptions.AllowedTokenIds), Sample(new() { AllowedTokenIds = [1] }) },
        { nameof(GenerationRequest.StopStrings), new() { PromptIds = new[] { 1 }, StopStrings = [""] } },
        { nameof(GenerationRequest.StopTokenIds), new() { PromptIds = new[] { 1 }, StopTokenIds = [5_000_000] } },
        { nameof(GenerationRequest.Logprobs), new() { PromptIds = new[] { 1 }, Logprobs = -1 } },
        { nameof(GenerationRequest.LoraName), new() { PromptIds = new[] { 1 }, LoraName = "adapter" } },
        { nameof(GenerationRequest.Priority), new() { PromptIds = new[] { 1 }, Priority = 3 } },
        { nameof(GenerationRequest.CacheSalt), new() { PromptIds = new[] { 1 }, CacheSalt = "salt" } },
        { nameof(GenerationRequest.KvTransferParamsJson), new() { PromptIds = new[] { 1 }, KvTransferParamsJson = "[]" } },
        { nameof(GenerationRequest.KvHints), new() { PromptIds = new[] { 1 }, KvHints = "[]" } },
        { nameof(GenerationRequest.KvHints), new() { PromptIds = new[] { 1 }, KvHints = """{ "actoins": [] }""" } },
        { nameof(GenerationRequest.Metadata), new() { PromptIds = new[] { 1 }, Metadata = new Dictionary<string, string> { ["x"] = "a\nb" } } },
        { nameof(GenerationRequest.Media), new() { PromptIds = new[] { 1 }, Media = [MediaItem.FromBytes(MediaKind.Image, new byte[] { 1 })] } },
    };

    [Theory]
    [MemberData(nameof(BadRequests), DisableDiscoveryEnumeration = true)]
    public async Task Generate_BadRequest_IsRefusedBeforeSending(string parameter, GenerationRequest request)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { ContextLength = 100 });
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(request).CollectAsync());

        Assert.Equal(parameter, e.Parameter);
        Assert.Null(e.Method);
        Assert.DoesNotContain(server.Requests, captured => captured.Method.Contains("/Generate", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Generate_IdOutOfVocabularyToInference_NeverReachesTheEngineThatWouldDie()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        await using var engine = Engines.Create(server.Endpoint);

        await Assert.ThrowsAsync<VllmRequestException>(
            () => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 700 }, VocabularySize = 600 }).CollectAsync());

        Assert.True((await engine.HealthAsync()).IsHealthy);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.VllmEngineFirst)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_ThreeChoices_ComeFromEveryServer(EmulatedServer kind)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = kind });
        server.Reply(ScriptedReply.FromIds(10, 11, 12));
        await using var engine = Engines.Create(server.Endpoint);

        var updates = await engine.GenerateAsync(new GenerationRequest
        {
            PromptIds = new[] { 1 },
            Sampling = new() { ChoiceCount = 3, Temperature = 1, Seed = 5, MaxTokens = 10 },
        }).CollectAsync();

        for (var index = 0; index < 3; index++)
        {
            Assert.Equal([10, 11, 12], updates.Ids(index).Take(3));
            Assert.Equal(updates.Ids(index).Length, updates.Finish(index).OutputTokens);
        }
    }

    [Fact]
    public async Task Generate_MetadataTokenAndRank_AreOnTheWire()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference, DataParallelSize = 4 });
        server.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint, options =>
        {
            options.BearerToken = "secret";
            options.Metadata["X-Team"] = "blue";
        });

        await engine.GenerateAsync(new GenerationRequest
        {
            PromptIds = new[] { 1 },
            DataParallelRank = 3,
            Metadata = new Dictionary<string, string> { ["x-call"] = "7" },
        }).CollectAsync();

        var metadata = server.Requests.Single(request => request.Method.Contains("/Generate", StringComparison.Ordinal)).Metadata;
        Assert.Equal(
            ("Bearer secret", "blue", "7", "3", "trailers"),
            (metadata["authorization"], metadata["x-team"], metadata["x-call"], metadata["x-data-parallel-rank"], metadata["te"]));
    }

    private static GenerationRequest Sample(SamplingOptions sampling) => new() { PromptIds = new[] { 1 }, Sampling = sampling };
}

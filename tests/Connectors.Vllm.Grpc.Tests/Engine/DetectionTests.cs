using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class DetectionTests
{
    [Theory]
    [InlineData(EmulatedServer.VllmEngineFirst, VllmProtocol.VllmEngine)]
    [InlineData(EmulatedServer.VllmEngineSecond, VllmProtocol.VllmEngine)]
    [InlineData(EmulatedServer.VllmEngineThird, VllmProtocol.VllmEngine)]
    [InlineData(EmulatedServer.VllmEngine, VllmProtocol.VllmEngine)]
    [InlineData(EmulatedServer.LegacyInference, VllmProtocol.LegacyInference)]
    [InlineData(EmulatedServer.Inference, VllmProtocol.Inference)]
    public async Task Protocol_EveryAge_IsFoundOutAndGenerates(EmulatedServer kind, VllmProtocol expected)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = kind });
        server.Enqueue(ScriptedReply.FromIds(10, 11));
        await using var engine = Engines.Create(server.Endpoint);
        Assert.Equal(VllmProtocol.Auto, engine.Protocol);

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2 }, Sampling = new() { MaxTokens = 5 } })
            .CollectAsync();

        Assert.Equal(expected, engine.Protocol);
        Assert.Equal([10, 11], updates.Ids().Take(2));
        Assert.Equal(GenerationFinishReason.Stop, updates.Finish().Reason);
        Assert.Equal(expected, (await engine.GetCapabilitiesAsync()).Protocol);
    }

    [Theory]
    [InlineData("sglang.grpc.scheduler.SglangScheduler", "SGLang")]
    [InlineData("trtllm.TrtllmService", "TensorRT-LLM")]
    public async Task Protocol_AnotherEngine_IsNamed(string service, string name)
    {
        await using var server = await ReplayServer.StartAsync();
        server.Answer($"/{service}/HealthCheck", [[]]);
        await using var engine = Engines.Create(server.Endpoint);

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GetCapabilitiesAsync().AsTask());

        Assert.Contains($" is {name} ({service}), which this library does not support", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Protocol_InferenceWithoutControl_IsInference()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference, ControlService = false });
        server.Enqueue(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint);

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, Sampling = new() { MaxTokens = 5 } })
            .CollectAsync();

        Assert.Equal(VllmProtocol.Inference, engine.Protocol);
        Assert.Equal(10, updates.Ids()[0]);
    }

    [Fact]
    public async Task Protocol_AskedOnce_IsRemembered()
    {
        await using var server = await VllmEmulator.StartAsync();
        await using var engine = Engines.Create(server.Endpoint);

        for (var i = 0; i < 3; i++)
        {
            server.Enqueue(ScriptedReply.FromIds(10));
            await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();
        }

        Assert.Single(server.Requests, request => request.Method.EndsWith("/HealthCheck", StringComparison.Ordinal));
        Assert.Single(server.Requests, request => request.Method.EndsWith("/GetModelInfo", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Protocol_Forced_IsNotAskedFor()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        await using var engine = Engines.Create(server.Endpoint, options => options.Protocol = VllmProtocol.Inference);
        Assert.Equal(VllmProtocol.Inference, engine.Protocol);

        await engine.GetModelInfoAsync();

        Assert.DoesNotContain(server.Requests, request => request.Method.EndsWith("/HealthCheck", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Protocol_ServerReplacedByOneOfTheOther_IsAskedForAgain()
    {
        await using var old = await VllmEmulator.StartAsync();
        await using var engine = Engines.Create(old.Endpoint, options => options.Retry.MaxRetries = 3);
        old.Enqueue(ScriptedReply.FromIds(10));
        await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();
        await old.StopAsync();
        await using var replacement =
            await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference, Port = old.Endpoint.Port });
        replacement.Reply(ScriptedReply.FromIds(20));

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();

        Assert.Equal(20, updates.Ids()[0]);
        Assert.Equal(VllmProtocol.Inference, engine.Protocol);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Capabilities_ServerWithReasoningParser_TellWhereConstraintsStart(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions
        {
            Server = protocol,
            ReasoningParser = "qwen3",
            ConstraintStart = ConstraintStart.AfterReasoning,
        });
        await using var engine = Engines.Create(server.Endpoint);

        var capabilities = await engine.GetCapabilitiesAsync();

        Assert.Equal(ConstraintStart.AfterReasoning, capabilities.ConstraintStart);
        Assert.Equal("qwen3", capabilities.ReasoningParser);
    }
}

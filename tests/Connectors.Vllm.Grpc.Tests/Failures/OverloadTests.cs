using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Servers that are full, and servers that are still loading.</summary>
public sealed class OverloadTests
{
    [Fact]
    public async Task Generate_ManyCallsAtAServerThatTakesFew_AllCompleteWithFewRefusals()
    {
        const int Calls = 64;
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { MaxQueuedRequests = 5 });
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], DelayPerMessage = TimeSpan.FromMilliseconds(5) });
        await using var engine = Engines.Create(server.Endpoint);

        await Parallel.ForAsync(0, Calls, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, token) =>
        {
            var updates = await engine.GenerateAsync(Request(i), token).CollectAsync();
            Assert.Equal([10, 11, 12], updates.Ids().Take(3));
        });

        Assert.True(server.RefusedCalls <= Calls / 2, $"{server.RefusedCalls} calls were refused");

        // A refusal does not discard the detected server.
        Assert.Single(server.Requests, request => request.Method.EndsWith("GetModelInfo", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Generate_ServerStaysFull_EndsAsOverloaded()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { MaxQueuedRequests = 0 });
        await using var engine = Engines.Create(server.Endpoint, options =>
            (options.Retry.OverloadTimeout, options.Retry.BaseDelay) = (TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(1)));

        // Connects before the timeout starts, which a busy machine could otherwise spend on the first attempt.
        await engine.GetModelInfoAsync(TestContext.Current.CancellationToken);

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Request(1)).CollectAsync());

        Assert.True(exception.IsOverloaded);
        Assert.True(server.RefusedCalls > 1);
    }

    [Fact]
    public async Task Generate_OverloadTimeoutZero_GivesUpAtOnce()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { MaxQueuedRequests = 0 });
        await using var engine = Engines.Create(server.Endpoint, options =>
            (options.Retry.OverloadTimeout, options.Retry.MaxRetries) = (TimeSpan.Zero, 3));

        await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Request(1)).CollectAsync());

        Assert.Equal(1, server.RefusedCalls);
    }

    [Fact]
    public async Task Generate_ResourceExhaustedBeforeTheFirstMessage_IsAskedAgain()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Enqueue(ScriptedReply.Failing(ServerFault.Status(8, "too many requests")), ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.BaseDelay = TimeSpan.FromMilliseconds(1));

        var updates = await engine.GenerateAsync(Request(1)).CollectAsync();

        Assert.Equal(10, updates.Ids()[0]);
    }

    [Fact]
    public async Task Generate_ModelIsLoading_WaitsWhenAsked()
    {
        await using var server =
            await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, StartsLoading = true });
        server.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint, options =>
            (options.Retry.WaitForReady, options.Retry.BaseDelay) = (Engines.HangGuard, TimeSpan.FromMilliseconds(1)));

        var call = engine.GenerateAsync(Request(1)).CollectAsync();
        await server.WaitForRequestAsync("/Generate").WaitAsync(Engines.HangGuard);
        server.FinishLoading();

        Assert.Equal(10, (await call).Ids()[0]);
        Assert.True(server.Generations.Count > 1, "the first was refused");
    }

    [Fact]
    public async Task Generate_ModelIsLoading_FailsWithTheServersWordsOtherwise()
    {
        await using var server =
            await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, StartsLoading = true });
        await using var engine = Engines.Create(server.Endpoint);

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(Request(1)).CollectAsync());

        Assert.Equal("engine is still connecting", exception.ServerMessage);
        Assert.False((await engine.HealthAsync()).IsHealthy);
    }

    [Fact]
    public async Task Generate_RustEngineIsDead_IsKnownAsDead()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust });
        await using var engine = Engines.Create(server.Endpoint);
        await engine.GetCapabilitiesAsync();
        await server.KillEngineAsync();

        var exception = await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(Request(1)).CollectAsync());

        Assert.True(exception.IsEngineDead);
    }

    [Fact]
    public async Task CreateAsync_TextAtTheRustServicer_IsEncodedHere()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust });
        server.Reply("Paris.");
        await using var client = new VllmGrpcClient(server.Endpoint.ToString());

        var result = await client.CompleteAsync("The capital of France is");

        Assert.Equal("Paris.", result.Text);
        Assert.Equal("The capital of France is", server.Generations.Single().PromptText);
    }

    private static GenerationRequest Request(int i) =>
        new() { PromptIds = new[] { 1, 2, i + 3 }, Sampling = new SamplingOptions { MaxTokens = 8 } };
}

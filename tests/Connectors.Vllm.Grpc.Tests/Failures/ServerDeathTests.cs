using Connectors.Vllm.Testing;
using Grpc.Core;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>The ways a real server dies, as its clients see them.</summary>
public sealed class ServerDeathTests
{
    [Fact]
    public async Task KillEngine_VllmEngine_IsADeadEngineAndNotRetryable()
    {
        await using var server = await VllmEmulator.StartAsync();
        var hold = new TaskCompletionSource();
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], HoldAfterMessages = 2, Hold = hold.Task });
        await using var engine = Engines.Create(server.Endpoint);
        var received = new List<int>();

        var e = await Assert.ThrowsAsync<VllmException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }))
            {
                received.AddRange(update.TokenIds.Span);
                if (received.Count == 2)
                {
                    await server.KillEngineAsync();
                }
            }
        });

        Assert.True(e.IsEngineDead);
        Assert.False(e.IsRetryable);
        Assert.Equal(StatusCode.Internal, e.StatusCode);
        Assert.False((await engine.HealthAsync()).IsHealthy);
        var later =
            await Assert.ThrowsAsync<VllmException>(() => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync());
        Assert.True(later.IsEngineDead);
    }

    [Fact]
    public async Task KillEngine_Inference_IsABrokenConnectionThenRefused()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        var hold = new TaskCompletionSource();
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], HoldAfterMessages = 3, Hold = hold.Task });
        await using var engine = Engines.Create(server.Endpoint);
        var received = new List<int>();
        Task? death = null;

        var e = await Assert.ThrowsAsync<VllmConnectionException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }))
            {
                received.AddRange(update.TokenIds.Span);
                if (received.Count == 2)
                {
                    death = server.KillEngineAsync();
                }
            }
        });
        hold.SetResult();
        await death!;

        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
        Assert.True(e.IsRetryable);
        await Assert.ThrowsAsync<VllmConnectionException>(() => engine.HealthAsync());
    }

    [Fact]
    public async Task Terminate_VllmEngine_EndsRunningStreamsUnavailable()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { ShutdownGrace = TimeSpan.FromMilliseconds(200) });
        var hold = new TaskCompletionSource();
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], HoldAfterMessages = 2, Hold = hold.Task });
        await using var engine = Engines.Create(server.Endpoint);
        var received = new List<int>();
        Task? termination = null;

        var e = await Assert.ThrowsAsync<VllmConnectionException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }))
            {
                received.AddRange(update.TokenIds.Span);
                if (received.Count == 2)
                {
                    termination = server.TerminateAsync();
                }
            }
        });

        // The shutdown of the server is not part of this test.
        await termination!.WaitAsync(Engines.HangGuard)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

        Assert.Equal(StatusCode.Unavailable, e.StatusCode);
    }

    [Fact]
    public async Task Generate_ServerRestartedBetweenCalls_Recovers()
    {
        await using var server = await VllmEmulator.StartAsync();
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.MaxRetries = 3);
        server.Enqueue(ScriptedReply.FromIds(10));
        await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();

        await server.RestartAsync();
        server.Enqueue(ScriptedReply.FromIds(11));
        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();

        Assert.Equal(11, updates.Ids()[0]);
    }

    [Fact]
    public async Task GetModelInfo_ServerReplacedByOneWithAnotherModel_IsAskedForAgain()
    {
        await using var old = await VllmEmulator.StartAsync(new VllmEmulatorOptions { ContextLength = 100 });
        await using var engine = Engines.Create(old.Endpoint);
        Assert.Equal(100, (await engine.GetModelInfoAsync()).ContextLength);
        await old.StopAsync();
        await Assert.ThrowsAsync<VllmConnectionException>(() => engine.HealthAsync());
        await using var replacement = await VllmEmulator.StartAsync(new VllmEmulatorOptions { ContextLength = 200, Port = old.Endpoint.Port });

        Assert.Equal(200, (await engine.GetModelInfoAsync()).ContextLength);
    }

    [Fact]
    public async Task Generate_UnavailableBeforeFirstMessage_IsRetriedWithANewId()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Enqueue(ScriptedReply.Failing(ServerFault.Status(14, "starting")), ScriptedReply.FromIds(10));
        await using var engine =
            Engines.Create(server.Endpoint, options => (options.Retry.MaxRetries, options.Retry.BaseDelay) = (2, TimeSpan.FromMilliseconds(1)));

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();

        Assert.Equal(10, updates.Ids()[0]);
        var ids = server.Requests.Where(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal))
            .Select(request => request.RequestId).ToList();
        Assert.Equal(2, ids.Distinct().Count());
    }

    [Theory]
    [InlineData(3, 13)]
    [InlineData(0, 13)]
    [InlineData(3, 14)]
    public async Task Generate_FailureThatMayNotBeRetried_IsNot(int afterMessages, int status)
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply(new ScriptedReply { Ids = [10, 11, 12, 13, 14], Fault = ServerFault.Status(status, "broken", afterMessages) });
        await using var engine =
            Engines.Create(server.Endpoint, options => (options.Retry.MaxRetries, options.Retry.BaseDelay) = (3, TimeSpan.FromMilliseconds(1)));

        await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync());

        Assert.Single(server.Requests, request => request.Method.EndsWith("/Generate", StringComparison.Ordinal));
    }
}

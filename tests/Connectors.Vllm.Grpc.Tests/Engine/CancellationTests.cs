using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class CancellationTests
{
    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_CancelledInTheMiddle_ResetsTheCallAndAbortsByOurId(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        server.Reply(new ScriptedReply { Ids = [10, 11, 12, 13], HoldAfterMessages = 3, Hold = new TaskCompletionSource().Task });
        await using var engine = Engines.Create(server.Endpoint);
        using var cancel = new CancellationTokenSource();
        var received = 0;

        var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, RequestId = "mine" }, cancel.Token))
            {
                received += update.TokenIds.Length;
                if (received >= 2)
                {
                    cancel.CancelAfter(1);
                }
            }
        });

        Assert.Equal(cancel.Token, e.CancellationToken);
        var abort = await server.WaitForRequestAsync("/Abort").WaitAsync(Engines.HangGuard);
        Assert.Contains("mine", abort.Message.ToString(), StringComparison.Ordinal);
        await server.WaitUntilIdleAsync().WaitAsync(Engines.HangGuard);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_LeftEarly_CountsAsCancellation(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        server.Reply(new ScriptedReply { Ids = [10, 11, 12, 13], HoldAfterMessages = 3, Hold = new TaskCompletionSource().Task });
        await using var engine = Engines.Create(server.Endpoint);

        await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }))
        {
            if (!update.TokenIds.IsEmpty)
            {
                break;
            }
        }

        var generate = server.Requests.Single(request => request.Method.Contains("/Generate", StringComparison.Ordinal));
        var abort = await server.WaitForRequestAsync("/Abort").WaitAsync(Engines.HangGuard);
        Assert.Contains(generate.RequestId, abort.Message.ToString(), StringComparison.Ordinal);
        await generate.Ended.WaitAsync(Engines.HangGuard);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, true)]
    [InlineData(EmulatedServer.VllmEngine, false)]
    [InlineData(EmulatedServer.Inference, true)]
    [InlineData(EmulatedServer.Inference, false)]
    public async Task Generate_CancelledBeforeTheFirstMessage_StopsTheServer(EmulatedServer protocol, bool stream)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        server.Reply(new ScriptedReply { Ids = [10, 11], HoldAfterMessages = 0, Hold = new TaskCompletionSource().Task });
        await using var engine = Engines.Create(server.Endpoint);
        using var cancel = new CancellationTokenSource();

        var generation = engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, Stream = stream }, cancel.Token).CollectAsync();
        var generate = await server.WaitForRequestAsync(request => request.Method.Contains("/Generate", StringComparison.Ordinal))
            .WaitAsync(Engines.HangGuard);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generation.WaitAsync(Engines.HangGuard));
        await generate.Ended.WaitAsync(Engines.HangGuard);
        await server.WaitForRequestAsync("/Abort").WaitAsync(Engines.HangGuard);
    }

    [Fact]
    public async Task Generate_ReadToTheEnd_SendsNoAbort()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply(ScriptedReply.FromIds(10, 11));
        var engine = Engines.Create(server.Endpoint);
        await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();

        await engine.DisposeAsync();

        Assert.DoesNotContain(server.Requests, request => request.Method.EndsWith("/Abort", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Generate_AlreadyCancelled_SendsNothing()
    {
        await using var server = await VllmEmulator.StartAsync();
        await using var engine = Engines.Create(server.Endpoint);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }, new CancellationToken(true)).CollectAsync());

        Assert.DoesNotContain(server.Requests, request => request.Method.Contains("/Generate", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Abort_RunningRequest_EndsItWithTheAbortReason(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], HoldAfterMessages = 3, Hold = new TaskCompletionSource().Task });
        await using var engine = Engines.Create(server.Endpoint);
        var updates = new List<GenerationUpdate>();

        await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, RequestId = "mine" }))
        {
            updates.Add(update);
            if (updates.Ids().Length == 2 && update.Finish is null)
            {
                await engine.AbortAsync(["mine", "unknown"]);
            }
        }

        Assert.Equal(GenerationFinishReason.Abort, updates.Finish().Reason);
    }
}

using Connectors.Vllm.Testing;
using Grpc.Core;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>An end that says "aborted": requested by the caller, or else a server that goes away in the middle of an answer.</summary>
public sealed class InterruptionTests
{
    public static TheoryData<EmulatedServer, bool> Answers => new()
    {
        { EmulatedServer.VllmEngine, true }, { EmulatedServer.VllmEngine, false },
        { EmulatedServer.VllmEngineRust, true }, { EmulatedServer.VllmEngineRust, false },
        { EmulatedServer.Inference, true }, { EmulatedServer.Inference, false },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Generate_AbortedUnaskedBehindTokens_HandsThemOutAndThrows(EmulatedServer played, bool stream)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = played });
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], FinishReason = "abort" });
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.MaxRetries = 3);
        var updates = new List<GenerationUpdate>();

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, Stream = stream }))
            {
                updates.Add(update);
            }
        });

        Assert.Equal([10, 11, 12], updates.Ids());
        Assert.All(updates, update => Assert.Null(update.Finish));
        Assert.Equal((StatusCode.Aborted, true), (exception.StatusCode, exception.IsRetryable));
        Assert.Equal(server.Generations.Single().RequestId, exception.RequestId);
        Assert.DoesNotContain(server.Requests, request => request.Method.EndsWith("/Abort", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Complete_AbortedUnaskedBehindTokens_TheExceptionHoldsThem(EmulatedServer played, bool stream)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = played });
        server.Reply(new ScriptedReply { Text = "one two three", FinishReason = "abort" });
        await using var engine = Engines.Create(server.Endpoint);
        await using var client = new VllmGrpcClient(engine, server.Tokenizer);

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(
            () => client.CompleteAsync(new GenerationRequest { PromptIds = new[] { 1 }, Stream = stream }));

        Assert.Equal("one two three", exception.PartialCompletion!.Text);
        Assert.Null(exception.PartialCompletion.Choices[0].Finish);
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Generate_AbortedUnaskedBeforeAToken_IsAskedAgain(EmulatedServer played, bool stream)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = played });
        server.Enqueue(new ScriptedReply { Ids = [], FinishReason = "abort" });
        server.Reply(ScriptedReply.FromIds(10, 11));
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.MaxRetries = 1);

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, Stream = stream }).CollectAsync();

        Assert.Equal([10, 11], updates.Ids().Take(2));
        Assert.Equal(GenerationFinishReason.Stop, updates.Finish().Reason);
        Assert.Equal(2, server.Generations.Count);
    }

    [Fact]
    public async Task Generate_ServerBreaksOffBetweenPromptAndFirstToken_IsAskedAgain()
    {
        // The Inference protocol has a separate message with information about the prompt.
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        server.Enqueue(ScriptedReply.Failing(ServerFault.Status((int)StatusCode.Unavailable, "", afterMessages: 1)));
        server.Reply(ScriptedReply.FromIds(10, 11));
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.MaxRetries = 1);

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();

        Assert.Equal([10, 11], updates.Ids().Take(2));
        Assert.Equal(2, server.Generations.Count);
    }

    /// <summary>A server may still have the first attempt in flight, and refuses the same id then.</summary>
    [Theory]
    [InlineData(EmulatedServer.VllmEngineRust)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_OwnRequestIdSentAgain_GetsASuffix(EmulatedServer played)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = played });
        server.Enqueue(ScriptedReply.Failing(ServerFault.Status((int)StatusCode.Unavailable, "later")), ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.MaxRetries = 1);

        await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, RequestId = "mine" }).CollectAsync();

        Assert.Equal(["mine", "mine-retry1"], server.Generations.Select(request => request.RequestId));
    }

    /// <summary>Each of two calls sends three tokens and waits.</summary>
    [Fact]
    public async Task Abort_ARequestWithSeveralCalls_AbortsEachUnderItsOwnId()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], HoldAfterMessages = 3, Hold = new TaskCompletionSource().Task });
        await using var engine = Engines.Create(server.Endpoint);
        var request = new GenerationRequest { PromptIds = new[] { 1 }, RequestId = "mine", Sampling = new SamplingOptions { ChoiceCount = 2 } };
        var updates = new List<GenerationUpdate>();

        await foreach (var update in engine.GenerateAsync(request).WithCancellation(new CancellationTokenSource(Engines.HangGuard).Token))
        {
            updates.Add(update);
            if (updates.Count(read => !read.TokenIds.IsEmpty) == 6)
            {
                await engine.AbortAsync(["mine"]);
            }
        }

        Assert.Equal([GenerationFinishReason.Abort, GenerationFinishReason.Abort], [updates.Finish(0).Reason, updates.Finish(1).Reason]);
    }
}

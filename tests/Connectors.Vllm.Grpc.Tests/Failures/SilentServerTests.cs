using Connectors.Vllm.Testing;
using Google.Protobuf;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Servers that report a failure only when queried, or with their counts.</summary>
public sealed class SilentServerTests
{
    private static readonly int[] Prompt = [1, 2, 3];

    [Fact]
    public async Task Generate_EngineDiedAndCallsHang_GoesToAnotherServer()
    {
        await using var dead = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust });
        await using var alive = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust });
        dead.Reply(ScriptedReply.FromIds(10));
        alive.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(dead.Endpoint, options =>
        {
            options.Endpoints.Add(alive.Endpoint);
            options.ProbeInterval = TimeSpan.FromMilliseconds(20);
        });
        await dead.KillEngineAsync(silently: true);

        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(10, (await engine.GenerateAsync(new GenerationRequest { PromptIds = Prompt }).CollectAsync()).Ids()[0]);
        }
    }

    [Fact]
    public async Task Generate_EngineDiedAndCallsHang_SaysSoWhereThereIsNoOther()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust });
        await using var engine = Engines.Create(server.Endpoint, options => options.ProbeInterval = TimeSpan.FromMilliseconds(20));
        await engine.GetModelInfoAsync(TestContext.Current.CancellationToken);
        await server.KillEngineAsync(silently: true);

        var exception = await Assert.ThrowsAsync<VllmConnectionException>(
            () => engine.GenerateAsync(new GenerationRequest { PromptIds = Prompt }).CollectAsync());

        Assert.True(exception.IsEngineDead);
        Assert.Equal("Engine is not alive", exception.ServerMessage);
    }

    [Fact]
    public async Task Generate_ServerHasNoTokenizerForStopStrings_IsSentWithoutThem()
    {
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, HasTokenizer = false });
        server.Reply(ScriptedReply.FromIds(10, 11));
        await using var engine = Engines.Create(server.Endpoint);

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = Prompt, StopStrings = ["stop"] }).CollectAsync();

        Assert.Equal([10, 11], updates.Ids().Take(2));
        var sent = server.Requests.Where(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal))
            .Select(request => RequestReading.FromEngine(request.Bytes.ToArray()).Request.StopStrings.Count);
        Assert.Equal([1, 0], sent);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    public async Task Complete_ServerHasNoTokenizerForStopStrings_CutsHereAndStopsTheServer(int tokensPerMessage, bool includeStop)
    {
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, HasTokenizer = false });

        // The stop string begins in one token and ends in another, and then the server would go on for ever.
        server.Reply(new ScriptedReply
        {
            Text = "one two <END> three four five six seven eight nine",
            TokensPerMessage = tokensPerMessage,
            HoldAfterMessages = server.Tokenizer.Encode("one two <END> three four five").Length / tokensPerMessage,
            Hold = new TaskCompletionSource().Task,
        });
        Assert.True(server.Tokenizer.Encode("<END>").Length > 1);
        await using var engine = Engines.Create(server.Endpoint);
        await using var client = new VllmGrpcClient(engine, server.Tokenizer);
        var request = new GenerationRequest
        {
            PromptIds = Prompt,
            StopStrings = ["never", "<END>"],
            Sampling = new() { IncludeStopString = includeStop },
        };
        var pieces = new List<GenerationUpdate>();

        await foreach (var update in client.CompleteStreamingAsync(request, TestContext.Current.CancellationToken))
        {
            pieces.Add(update);
        }

        var text = string.Concat(pieces.Select(piece => piece.Text));
        Assert.Equal(includeStop ? "one two <END>" : "one two ", text);
        Assert.All(pieces, piece => Assert.False(!includeStop && piece.Text.Contains('<', StringComparison.Ordinal)));
        Assert.Equal((GenerationFinishReason.Stop, "<END>"), (pieces.Finish().Reason, pieces.Finish().StopString));
        await server.Generations[^1].Ended.WaitAsync(Engines.HangGuard, TestContext.Current.CancellationToken);
        await server.WaitForRequestAsync("/Abort", TestContext.Current.CancellationToken).WaitAsync(Engines.HangGuard);

        var whole = await client.CompleteAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(text, whole.Text);
        Assert.Equal(pieces.Finish().StopString, whole.Choices[0].Finish!.StopString);
        await server.WaitUntilIdleAsync(TestContext.Current.CancellationToken).WaitAsync(Engines.HangGuard);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_MinTokensUnderAConstraint_AreLeftOut(EmulatedServer played)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = played });
        server.Reply("{}");
        await using var engine = Engines.Create(server.Endpoint);
        var sampling = new SamplingOptions { MinTokens = 5, MaxTokens = 9 };

        await engine.GenerateAsync(new GenerationRequest { PromptIds = Prompt, Constraint = OutputConstraint.JsonObject(), Sampling = sampling })
            .CollectAsync();
        await engine.GenerateAsync(new GenerationRequest { PromptIds = Prompt, Sampling = sampling }).CollectAsync();

        var sent = server.Requests.Where(request => request.Method.Contains("/Generate", StringComparison.Ordinal))
            .Select(request => played == EmulatedServer.Inference
                ? RequestReading.FromInference(request.Bytes.ToArray(), stream: true).Sampling.MinTokens
                : RequestReading.FromEngine(request.Bytes.ToArray()).Sampling.MinTokens);
        Assert.Equal([null, 5], sent);
    }

    [Fact]
    public async Task GetServerInfo_VllmEngine_TakesTheVersionFromTheLoadFigures()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { EngineVersion = "0.33.1" });
        await using var engine = Engines.Create(server.Endpoint);

        Assert.Equal("0.33.1", (await engine.GetServerInfoAsync(TestContext.Current.CancellationToken)).EngineVersion);
    }

    [Fact]
    public async Task Generate_ServerMountsNoInference_IsNotAsked()
    {
        await using var server = await InferenceAsync(new Inference.ServerInfo { Services = { Inference.ServiceKind.Control } });
        await using var engine = Engines.Create(server.Endpoint, options => options.Protocol = VllmProtocol.Inference);

        var exception = await Assert.ThrowsAsync<VllmRequestException>(
            () => engine.GenerateAsync(new GenerationRequest { PromptIds = Prompt }).CollectAsync());

        Assert.Contains("vllm.Inference", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Received, call => call.Method.Contains("Generate", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Generate_InferenceCountsMoreThanCame_IsNeverDelivered()
    {
        await using var server = await InferenceAsync(new Inference.ServerInfo());
        server.Answer("/vllm.Inference/GenerateStream", [Ids(10, 11),
            Ids(new Inference.FinishInfo { FinishReason = Inference.FinishInfo.Types.FinishReason.Stop, NumOutputTokens = 3 })]);
        await using var engine = Engines.Create(server.Endpoint, options => options.Protocol = VllmProtocol.Inference);

        var exception = await Assert.ThrowsAsync<VllmProtocolException>(
            () => engine.GenerateAsync(new GenerationRequest { PromptIds = Prompt }).CollectAsync());

        Assert.Contains("3 tokens of the answer where 2 were received", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_NoLimitIsKnown_EndsAllTheSame()
    {
        await using var server = await InferenceAsync(new Inference.ServerInfo());
        server.Answer("/vllm.Inference/GenerateStream", [.. Enumerable.Repeat(Ids(Enumerable.Repeat(5, 1_000_000).ToArray()), 11)]);
        await using var engine = Engines.Create(server.Endpoint, options => options.Protocol = VllmProtocol.Inference);
        var received = 0;

        var exception = await Assert.ThrowsAsync<VllmProtocolException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = Prompt }, TestContext.Current.CancellationToken))
            {
                received += update.TokenIds.Length;
            }
        });

        Assert.Contains("more than the context of any model", exception.Message, StringComparison.Ordinal);
        Assert.Equal(10_000_000, received);
    }

    [Fact]
    public async Task WaitUntilReady_ServerIsLoading_SaysWhatItWaitsFor()
    {
        await using var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = EmulatedServer.VllmEngineRust, StartsLoading = true });
        using var log = new LogRecorder();
        var options = VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString());
        options.Retry.WaitForReady = Engines.HangGuard;
        await using var client = new VllmGrpcClient(options, loggerFactory: log);

        await Assert.ThrowsAsync<VllmTimeoutException>(() =>
            client.WaitUntilReadyAsync(TimeSpan.FromMilliseconds(1), TestContext.Current.CancellationToken));
        var waiting = client.WaitUntilReadyAsync(cancellationToken: TestContext.Current.CancellationToken);
        await log.SaidAsync("its health is 'Engine is starting'").WaitAsync(Engines.HangGuard, TestContext.Current.CancellationToken);
        server.FinishLoading();
        await waiting;
    }

    private static async Task<ReplayServer> InferenceAsync(Inference.ServerInfo info)
    {
        var server = await ReplayServer.StartAsync();
        server.Answer("/vllm.Control/GetModelInfo", [new Inference.ModelInfo { ModelId = "m" }.ToByteArray()]);
        server.Answer("/vllm.Control/GetServerInfo", [info.ToByteArray()]);
        return server;
    }

    private static byte[] Ids(params int[] ids) => Ids(null, ids);

    private static byte[] Ids(Inference.FinishInfo? finish, params int[] ids) => new Inference.GenerateResponse
    {
        Outputs = new Inference.SequenceOutput { TokenIds = { ids.Select(id => (uint)id) }, FinishInfo = finish },
    }.ToByteArray();
}

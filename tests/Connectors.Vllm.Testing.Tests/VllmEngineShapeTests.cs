using System.Net;
using System.Net.Http.Headers;
using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Testing.Tests;

public sealed class VllmEngineShapeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Generate_Streaming_RepeatsTheLastDeltaInComplete()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        var eos = 3258;
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12, eos], MessageSizes = [1, 2, 1] });
        using var client = new RawGrpcClient(server.Endpoint);

        var answer =
            await client.CallAsync(Methods.Generate, new GenerateRequest { RequestId = "r1", Tokenized = Ids(1, 2, 3, 4, 5), Stream = true }, Cancel);

        Assert.Equal(0, answer.Status);
        var messages = answer.Parse(GenerateResponse.Parser);
        Assert.Equal(4, messages.Count);
        Assert.Equal([10u], messages[0].Chunk.TokenIds);
        Assert.Equal([11u, 12u], messages[1].Chunk.TokenIds);
        Assert.Equal(2u, messages[1].Chunk.CompletionTokens);
        Assert.All(messages.Take(3), message => Assert.Equal(5u, message.Chunk.PromptTokens));
        Assert.Equal(messages[2].Chunk.TokenIds, messages[3].Complete.OutputIds);
        Assert.Equal("stop", messages[3].Complete.FinishReason);
        Assert.Equal(GenerateComplete.MatchedStopOneofCase.None, messages[3].Complete.MatchedStopCase);
        Assert.Equal([1, 2, 3, 4, 5], server.Requests.Single().PromptIds);
    }

    [Fact]
    public async Task Generate_NoMaxTokensAndZero_EndsAtContextOrIsRefused()
    {
        await using var server = await VllmEmulator.StartAsync(new() { ContextLength = 8 }, Cancel);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12, 13, 14, 15, 16] });
        using var client = new RawGrpcClient(server.Endpoint);

        var whole = await client.CallAsync(Methods.Generate, new GenerateRequest { Tokenized = Ids(1, 2, 3, 4, 5) }, Cancel);
        var refused =
            await client.CallAsync(Methods.Generate, new GenerateRequest { Tokenized = Ids(1), SamplingParams = new() { MaxTokens = 0 } }, Cancel);

        var complete = Assert.Single(whole.Parse(GenerateResponse.Parser)).Complete;
        Assert.Equal([10u, 11u, 12u], complete.OutputIds);
        Assert.Equal("length", complete.FinishReason);
        Assert.Equal((3, "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)"), (refused.Status, refused.Detail));
    }

    [Fact]
    public async Task Abort_DuringStream_EndsWithAnEmptyChunkAndAbort()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        var gate = new TaskCompletionSource();
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], Hold = gate.Task, HoldAfterMessages = 1 });
        using var client = new RawGrpcClient(server.Endpoint);

        var generate = client.CallAsync(Methods.Generate, new GenerateRequest { RequestId = "r1", Tokenized = Ids(1), Stream = true }, Cancel);
        var captured = await server.WaitForRequestAsync("Generate", Cancel);
        await client.CallAsync(Methods.Abort, new AbortRequest { RequestIds = { "unknown", "r1" } }, Cancel);
        var messages = (await generate).Parse(GenerateResponse.Parser);

        Assert.True(captured.IsAborted);
        Assert.Empty(messages[^2].Chunk.TokenIds);
        Assert.Equal("abort", messages[^1].Complete.FinishReason);
        Assert.Empty(messages[^1].Complete.OutputIds);
        Assert.Equal(1, server.AbortedRequests);
    }

    [Fact]
    public async Task UnknownMethod_VllmEngine_SaysMethodNotFound()
    {
        await using var server = await VllmEmulator.StartAsync(new() { Server = EmulatedServer.VllmEngineFirst }, Cancel);
        using var client = new RawGrpcClient(server.Endpoint);

        var answer = await client.CallAsync("/vllm.grpc.engine.VllmEngine/GetLoads", new GetLoadsRequest(), Cancel);

        Assert.Equal((12, "Method not found!"), (answer.Status, answer.Detail));
    }

    [Fact]
    public async Task KillEngine_VllmEngine_FailsRunningAndLaterCallsAndHealth()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], Hold = new TaskCompletionSource().Task, HoldAfterMessages = 1 });
        using var client = new RawGrpcClient(server.Endpoint);

        var generate = client.CallAsync(Methods.Generate, new GenerateRequest { RequestId = "r1", Tokenized = Ids(1), Stream = true }, Cancel);
        await server.WaitForRequestAsync("Generate", Cancel);
        await server.KillEngineAsync();
        var running = await generate;
        var later = await client.CallAsync(Methods.Generate, new GenerateRequest { RequestId = "r2", Tokenized = Ids(1), Stream = true }, Cancel);
        var health = await client.CallAsync("/vllm.grpc.engine.VllmEngine/HealthCheck", new HealthCheckRequest(), Cancel);

        const string Text = "EngineCore encountered an issue. See stack trace (above) for the root cause.";
        Assert.Equal((13, Text), (running.Status, running.Detail));
        Assert.Equal((13, Text), (later.Status, later.Detail));
        Assert.False(Assert.Single(health.Parse(HealthCheckResponse.Parser)).Healthy);
    }

    private static TokenizedInput Ids(params uint[] ids) => new() { InputIds = { ids } };
}

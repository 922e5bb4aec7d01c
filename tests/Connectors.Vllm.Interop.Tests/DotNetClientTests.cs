extern alias peers;

using Connectors.Vllm.Testing;
using Grpc.Core;
using Grpc.Net.Client;
using Engine = peers::Connectors.Vllm.Grpc.Protocol.Engine;
using Health = peers::Connectors.Vllm.Grpc.Protocol.Health;
using Inference = peers::Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>Grpc.Net.Client with generated stubs calls our test server.</summary>
public sealed class DotNetClientTests
{
    private static readonly TimeSpan HangGuard = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Generate_StreamedAndWhole_GivesTheScriptedIds(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], TokensPerMessage = 2 });
        using var channel = Connect(server);
        var eos = (uint)server.Tokenizer.TokenToId("<|im_end|>")!.Value;

        var streamed = await CollectAsync(channel, protocol, stream: true, new CallOptions(cancellationToken: Cancel));
        var whole = await CollectAsync(channel, protocol, stream: false, new CallOptions(cancellationToken: Cancel));

        Assert.Equal([10, 11, 12, eos], streamed);
        Assert.Equal([10, 11, 12, eos], whole);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, MessageDelivery.SingleBytes)]
    [InlineData(EmulatedServer.VllmEngine, MessageDelivery.Together)]
    [InlineData(EmulatedServer.Inference, MessageDelivery.SingleBytes)]
    [InlineData(EmulatedServer.Inference, MessageDelivery.Together)]
    public async Task Generate_AnyLayoutOfFrames_IsValidHttp2(EmulatedServer protocol, MessageDelivery delivery)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], TokensPerMessage = 1, Delivery = delivery });
        using var channel = Connect(server);

        Assert.Equal([10u, 11u, 12u], (await CollectAsync(channel, protocol, stream: true, new CallOptions(cancellationToken: Cancel)))[..3]);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Cancel_MidStream_IsSeenByTheServer(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], Hold = new TaskCompletionSource().Task, HoldAfterMessages = 2 });
        using var channel = Connect(server);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var call = CollectAsync(channel, protocol, stream: true, new CallOptions(cancellationToken: stop.Token));
        var captured = await server.WaitForRequestAsync(request => request.RequestId == "net-1", Cancel);

        await stop.CancelAsync();

        await captured.Cancelled.WaitAsync(HangGuard, Cancel);
        await server.WaitUntilIdleAsync(Cancel).WaitAsync(HangGuard, Cancel);
        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => call)).StatusCode);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Deadline_Passes_EndsTheCallOnBothSides(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(new ScriptedReply { Ids = [10, 11, 12], Hold = new TaskCompletionSource().Task, HoldAfterMessages = 1 });
        using var channel = Connect(server);

        var exception = await Assert.ThrowsAsync<RpcException>(
            () => CollectAsync(channel, protocol, stream: true, new CallOptions(deadline: DateTime.UtcNow.AddSeconds(2), cancellationToken: Cancel)));

        Assert.Equal(StatusCode.DeadlineExceeded, exception.StatusCode);
        await server.WaitUntilIdleAsync(Cancel).WaitAsync(HangGuard, Cancel);
        Assert.NotNull(server.Requests[0].Deadline);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, "The decoder prompt cannot be empty")]
    [InlineData(EmulatedServer.Inference, "prompt is required")]
    public async Task Refusal_EmptyRequest_HasStatusAndTextInTrailersOnly(EmulatedServer protocol, string text)
    {
        await using var server = await StartAsync(protocol);
        using var channel = Connect(server);

        var exception = protocol == EmulatedServer.VllmEngine
            ? await Assert.ThrowsAsync<RpcException>(async () =>
            {
                using var call = new Engine.VllmEngine.VllmEngineClient(channel).Generate(new(), cancellationToken: Cancel);
                await call.ResponseStream.MoveNext(Cancel);
            })
            : await Assert.ThrowsAsync<RpcException>(
                async () => await new Inference.Inference.InferenceClient(channel).GenerateAsync(new(), cancellationToken: Cancel));

        Assert.Equal((StatusCode.InvalidArgument, text), (exception.StatusCode, exception.Status.Detail));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Status_TextBeyondAscii_IsDecoded(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol);
        server.Reply(ScriptedReply.Failing(ServerFault.Status(8, "naïve: 100 % of 世界", afterMessages: 1)));
        using var channel = Connect(server);

        var exception =
            await Assert.ThrowsAsync<RpcException>(() => CollectAsync(channel, protocol, stream: true, new CallOptions(cancellationToken: Cancel)));

        Assert.Equal((StatusCode.ResourceExhausted, "naïve: 100 % of 世界"), (exception.StatusCode, exception.Status.Detail));
    }

    [Fact]
    public async Task Gzip_VllmEngine_IsAccepted()
    {
        await using var server = await StartAsync(EmulatedServer.VllmEngine);
        server.Reply(new ScriptedReply { Ids = [10] });
        using var channel = Connect(server);

        var ids = await CollectAsync(
            channel, EmulatedServer.VllmEngine, stream: true,
            new CallOptions(new Metadata { { "grpc-internal-encoding-request", "gzip" } }, cancellationToken: Cancel));

        Assert.Equal(10u, ids[0]);
        Assert.Equal("gzip", server.Requests[0].Metadata["grpc-encoding"]);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Health_Service_AnswersServing(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol);
        using var channel = Connect(server);

        var response = await new Health.Health.HealthClient(channel).CheckAsync(new(), cancellationToken: Cancel);

        Assert.Equal(Health.HealthCheckResponse.Types.ServingStatus.Serving, response.Status);
    }

    [Fact]
    public async Task GetTokenizer_SeveralChunks_AreTheArchiveWithItsChecksum()
    {
        await using var server = await StartAsync(EmulatedServer.VllmEngine);
        using var channel = Connect(server);
        using var call = new Engine.VllmEngine.VllmEngineClient(channel).GetTokenizer(new(), cancellationToken: Cancel);
        using var archive = new MemoryStream();
        var sha = "";
        while (await call.ResponseStream.MoveNext(Cancel))
        {
            archive.Write(call.ResponseStream.Current.Data.Span);
            sha = call.ResponseStream.Current.Sha256;
        }

        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(archive.ToArray())), sha);
        Assert.True(archive.Length > 0);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Generate_LargePrompt_ArrivesWhole(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new() { Server = protocol, ContextLength = 4_000_000 }, Cancel);
        server.Reply(new ScriptedReply { Ids = [10] });
        using var channel = Connect(server);

        await CollectAsync(channel, protocol, stream: false, new CallOptions(cancellationToken: Cancel), Enumerable.Repeat(999u, 2_500_000));

        Assert.Equal(2_500_000, server.Requests[0].PromptIds.Count);
    }

    private static Task<VllmEmulator> StartAsync(EmulatedServer protocol) => VllmEmulator.StartAsync(new() { Server = protocol }, Cancel);

    private static GrpcChannel Connect(VllmEmulator server) =>
        GrpcChannel.ForAddress(server.Endpoint, new GrpcChannelOptions { MaxReceiveMessageSize = null });

    private static async Task<List<uint>> CollectAsync(
        GrpcChannel channel, EmulatedServer protocol, bool stream, CallOptions options, IEnumerable<uint>? prompt = null)
    {
        prompt ??= [1, 2, 3];
        return protocol == EmulatedServer.VllmEngine
            ? await EngineAsync(channel, stream, options, prompt)
            : await InferenceAsync(channel, stream, options, prompt);
    }

    private static async Task<List<uint>> EngineAsync(GrpcChannel channel, bool stream, CallOptions options, IEnumerable<uint> prompt)
    {
        var ids = new List<uint>();
        using var call = new Engine.VllmEngine.VllmEngineClient(channel).Generate(
            new() { RequestId = "net-1", Tokenized = new() { InputIds = { prompt } }, Stream = stream }, options);
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            // Streaming, the last message repeats the last ids.
            var response = call.ResponseStream.Current;
            ids.AddRange(response.Chunk?.TokenIds ?? (stream ? [] : response.Complete.OutputIds));
        }

        return ids;
    }

    private static async Task<List<uint>> InferenceAsync(GrpcChannel channel, bool stream, CallOptions options, IEnumerable<uint> prompt)
    {
        var client = new Inference.Inference.InferenceClient(channel);
        var request = new Inference.GenerateRequest
        { RequestId = "net-1", TokenIds = new() { Ids = { prompt } }, Response = new() { OutputTokenIds = true } };
        if (!stream)
        {
            return [.. (await client.GenerateAsync(request, options)).Outputs.TokenIds];
        }

        var ids = new List<uint>();
        using var call = client.GenerateStream(request, options);
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            ids.AddRange(call.ResponseStream.Current.Outputs?.TokenIds ?? []);
        }

        return ids;
    }
}

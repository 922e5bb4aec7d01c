using Connectors.Vllm.Grpc;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>The server as the package's users get it, without the emulator on top.</summary>
public sealed class ScriptedServerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PromptText_IdsWithSpecialTokens_ReadsAsThePromptWasWritten()
    {
        await using var server = await VllmTestServer.StartAsync(cancellationToken: Cancel);
        server.Reply("ok");
        using var client = new RawGrpcClient(server.Endpoint);
        const string Prompt = "<|im_start|>user\nHow are you?<|im_end|>\n";

        await client.CallAsync(Methods.Generate, Request("r", server.Tokenizer.Encode(Prompt)), Cancel);

        Assert.Equal(Prompt, server.Generations.Single().PromptText);
    }

    [Fact]
    public async Task Generations_AmongOtherCalls_AreOnlyTheGenerateCalls()
    {
        await using var server = await VllmTestServer.StartAsync(cancellationToken: Cancel);
        server.Reply("ok");
        using var client = new RawGrpcClient(server.Endpoint);

        await client.CallAsync("/vllm.grpc.engine.VllmEngine/GetModelInfo", new GetModelInfoRequest(), Cancel);
        await client.CallAsync(Methods.Generate, Request("r", [1, 2]), Cancel);
        await client.CallAsync(Methods.Abort, new AbortRequest { RequestIds = { "r" } }, Cancel);

        Assert.Equal(3, server.Requests.Count);
        Assert.Equal(["r"], server.Generations.Select(request => request.RequestId));
        Assert.False(server.Generations[0].IsAborted, "it had finished before the abort");
    }

    [Fact]
    public async Task RequiresScriptedReplies_NothingQueued_EndsTheCallAndNamesTheRequest()
    {
        await using var server = await VllmTestServer.StartAsync(new() { RequiresScriptedReplies = true }, Cancel);
        using var client = new RawGrpcClient(server.Endpoint);
        server.Enqueue("expected");

        var first = await client.CallAsync(Methods.Generate, Request("one", [1, 2]), Cancel);
        var second = await client.CallAsync(Methods.Generate, Request("two", [1, 2]), Cancel);

        Assert.Equal(0, first.Status);
        Assert.Equal(9, second.Status);
        Assert.Contains("no reply was scripted for request 1 (/vllm.grpc.engine.VllmEngine/Generate)", second.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Abort_AfterTheCallWasCancelled_IsSeenAsAborted()
    {
        await using var server = await VllmTestServer.StartAsync(cancellationToken: Cancel);
        server.Reply(new ScriptedReply { Text = "never sent", Hold = new TaskCompletionSource().Task });
        using var client = new RawGrpcClient(server.Endpoint);
        using var caller = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var call = client.CallAsync(Methods.Generate, Request("r", [1, 2]), caller.Token);
        var captured = await server.WaitForRequestAsync("Generate", Cancel);

        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await captured.Cancelled.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.False(captured.IsAborted);
        await client.CallAsync(Methods.Abort, new AbortRequest { RequestIds = { "r" } }, Cancel);

        Assert.True(captured.IsAborted);
        Assert.Equal(0, server.AbortedRequests);
    }

    [Fact]
    public async Task Inference_WithoutModelDirectory_NamesAFolderWithTheModelUntilItIsDisposed()
    {
        string folder;
        await using (var server = await VllmTestServer.StartAsync(new() { Protocol = VllmProtocol.Inference }, Cancel))
        {
            using var client = new RawGrpcClient(server.Endpoint);
            var answer = await client.CallAsync("/vllm.Control/GetModelInfo", new Inference.GetModelInfoRequest(), Cancel);
            var model = Inference.ModelInfo.Parser.ParseFrom(answer.Messages.Single());
            folder = model.ModelId;

            Assert.Equal(TinyModel.Name, model.ServedModelName);
            Assert.Equal(TinyModel.Files.Keys.Order(), Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Order());
        }

        Assert.False(Directory.Exists(folder));
    }

    private static GenerateRequest Request(string id, int[] ids) =>
        new() { RequestId = id, Stream = true, Tokenized = new() { InputIds = { ids.Select(token => (uint)token) } } };
}

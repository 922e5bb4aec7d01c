using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Testing.Tests;

public sealed class CapturedRequestTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_MoreThanKept_ForgetTheOldest()
    {
        await using var server = await VllmEmulator.StartAsync(new() { MaxCapturedRequests = 3 }, Cancel);
        server.Reply(new ScriptedReply { Ids = [10] });
        using var client = new RawGrpcClient(server.Endpoint);
        for (var i = 0; i < 5; i++)
        {
            await client.CallAsync(Methods.Generate, Request($"r{i}", 1), Cancel);
        }

        Assert.Equal(["r2", "r3", "r4"], server.Requests.Select(request => request.RequestId));
        Assert.Equal([2, 3, 4], server.Requests.Select(request => request.Number));
    }

    [Fact]
    public async Task Captured_Request_HoldsBytesMessageMetadataAndPrompt()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Reply(new ScriptedReply { Ids = [10] });
        using var client = new RawGrpcClient(server.Endpoint);
        var request = Request("mine", 1, 2, 3);

        await client.CallAsync(Methods.Generate, request, Cancel);
        var captured = await server.WaitForRequestAsync("Generate", Cancel);
        await captured.Ended.WaitAsync(TimeSpan.FromSeconds(10), Cancel);

        Assert.Equal(request, captured.As<GenerateRequest>());
        Assert.Equal(request.CalculateSize(), captured.Bytes.Length);
        Assert.Equal("application/grpc", captured.Metadata["content-type"]);
        Assert.Equal([1, 2, 3], captured.PromptIds);
        Assert.Equal(2, captured.OutputTokens);
        Assert.False(captured.IsAborted || captured.IsCancelled);
    }

    [Fact]
    public async Task TextPrompt_Tokenized_IsCapturedAsTheEngineSawIt()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Reply(new ScriptedReply { Ids = [10] });
        using var client = new RawGrpcClient(server.Endpoint);

        await client.CallAsync(
            Methods.Generate, new GenerateRequest { Text = "one two three four", SamplingParams = new() { TruncatePromptTokens = 2 } }, Cancel);

        Assert.Equal(server.Tokenizer.Encode("one two three four")[^2..], server.Requests.Single().PromptIds);
    }

    private static GenerateRequest Request(string id, params uint[] ids) => new() { RequestId = id, Tokenized = new() { InputIds = { ids } } };
}

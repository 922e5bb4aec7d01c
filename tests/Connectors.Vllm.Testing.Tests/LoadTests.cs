using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Testing.Tests;

public sealed class LoadTests
{
    private static readonly TimeSpan HangGuard = TimeSpan.FromSeconds(40);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Generate_ManyParallelStreams_AllComplete()
    {
        const int Streams = 1000;
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Reply(new ScriptedReply { Ids = [.. Enumerable.Range(10, 20)] });
        using var client = new RawGrpcClient(server.Endpoint);

        var answers = await Task.WhenAll(Enumerable.Range(0, Streams).Select(_ => client.CallAsync(Methods.Generate, Request(), Cancel)))
            .WaitAsync(HangGuard, Cancel);

        Assert.All(answers, answer => Assert.Equal((0, 22), (answer.Status, answer.Messages.Count)));
        Assert.Equal(Streams, server.Requests.Count);
        Assert.Equal(0, server.ActiveRequests);
    }

    [Fact]
    public async Task Restart_UnderLoad_EndsEveryCallAndServesAgain()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Reply(new ScriptedReply { Ids = [10, 11], Hold = new TaskCompletionSource().Task, HoldAfterMessages = 1 });
        using var client = new RawGrpcClient(server.Endpoint);
        var calls = Enumerable.Range(0, 50).Select(_ => client.CallAsync(Methods.Generate, Request(), Cancel)).ToArray();
        await Eventually.IsTrueAsync(() => server.ActiveRequests == calls.Length, Cancel);

        await server.RestartAsync(Cancel).WaitAsync(HangGuard, Cancel);
        foreach (var call in calls)
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => call.WaitAsync(HangGuard, Cancel));
        }

        await server.WaitUntilIdleAsync(Cancel).WaitAsync(HangGuard, Cancel);
        Assert.Equal(calls.Length, server.CancelledCalls);
        server.Reply(new ScriptedReply { Ids = [10] });
        Assert.Equal(0, (await client.CallAsync(Methods.Generate, Request(), Cancel)).Status);
    }

    [Fact]
    public async Task FailNext_SeveralMethods_EachFindsItsOwn()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.FailNext("GetModelInfo", ServerFault.Status(14, "first"));
        server.FailNext("HealthCheck", ServerFault.Status(14, "second"));
        using var client = new RawGrpcClient(server.Endpoint);

        Assert.Equal("second", (await client.CallAsync("/vllm.grpc.engine.VllmEngine/HealthCheck", new HealthCheckRequest(), Cancel)).Detail);
        Assert.Equal("first", (await client.CallAsync("/vllm.grpc.engine.VllmEngine/GetModelInfo", new GetModelInfoRequest(), Cancel)).Detail);
    }

    [Fact]
    public async Task Dispose_Always_ClosesThePort()
    {
        var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        var endpoint = server.Endpoint;
        await server.DisposeAsync();
        using var client = new RawGrpcClient(endpoint);

        await Assert.ThrowsAsync<HttpRequestException>(() => client.CallAsync(Methods.Generate, Request(), Cancel));
    }

    private static GenerateRequest Request() =>
        new() { RequestId = Guid.NewGuid().ToString(), Tokenized = new() { InputIds = { 1, 2, 3 } }, Stream = true };
}

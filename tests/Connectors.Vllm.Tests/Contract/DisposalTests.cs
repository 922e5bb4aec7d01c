using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>Disposing ends what is running: with <see cref="ObjectDisposedException"/> here, with an abort on the server.</summary>
public sealed class DisposalTests
{
    public static TheoryData<string> Ways { get; } = new("client", "client async", "provider", "provider async", "engine async");

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Dispose_RunningStream_EndsItAndAbortsTheRequest(string way)
    {
        await using var server = await VllmEmulator.StartAsync(null, Served.Cancel);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Enqueue(new ScriptedReply { Text = "one two three four five", HoldAfterMessages = 1, Hold = gate.Task });
        var services = new ServiceCollection();
        services.AddVllmGrpc(server.Endpoint);
        var provider = services.BuildServiceProvider();
        var owner = new VllmChatClient(server.Endpoint);
        var client = way.StartsWith("client", StringComparison.Ordinal) ? owner : provider.GetRequiredService<IChatClient>();
        await using var stream = client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel).GetAsyncEnumerator(Served.Cancel);
        Assert.True(await stream.MoveNextAsync());
        var next = stream.MoveNextAsync().AsTask();

        switch (way)
        {
            case "client":
                owner.Dispose();
                break;
            case "client async":
                await owner.DisposeAsync();
                break;
            case "provider":
                provider.Dispose();
                break;
            case "provider async":
                await provider.DisposeAsync();
                break;
            default:
                await provider.GetRequiredService<IVllmEngine>().DisposeAsync();
                break;
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            while (await next)
            {
                next = stream.MoveNextAsync().AsTask();
            }
        });
        await server.WaitForRequestAsync(request => request.Method.EndsWith("/Abort", StringComparison.Ordinal), Served.Cancel)
            .WaitAsync(TimeSpan.FromSeconds(30), Served.Cancel);
        gate.SetResult();
        await owner.DisposeAsync();
        await provider.DisposeAsync();
    }

    [Fact]
    public async Task Dispose_ClientOnASharedEngine_LeavesTheOthersRunning()
    {
        await using var server = await VllmEmulator.StartAsync(null, Served.Cancel);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Reply(new ScriptedReply { Text = "one two three", HoldAfterMessages = 1, Hold = gate.Task });
        await using var engine = VllmGrpcClient.CreateEngine(server.Endpoint.ToString());
        var gone = new VllmChatClient(engine);
        await using var kept = new VllmChatClient(engine);
        var ended = gone.GetResponseAsync("Hi", cancellationToken: Served.Cancel);
        var goesOn = kept.GetResponseAsync("Hi", cancellationToken: Served.Cancel);
        while (server.Requests.Count(SentGeneration.Is) < 2)
        {
            await Task.Yield();
        }

        gone.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => ended);
        gate.SetResult();
        Assert.Equal("one two three", (await goesOn).Text);
    }
}

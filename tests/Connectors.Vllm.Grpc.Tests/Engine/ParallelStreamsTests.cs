using Connectors.Vllm.Testing;
using Google.Protobuf;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class ParallelStreamsTests
{
    private const int Streams = 2000;

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_TwoThousandOpenAtOnce_AllCompleteOverFewConnections(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });
        TaskCompletionSource allOpen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = 0;
        server.Reply(_ =>
        {
            if (Interlocked.Increment(ref open) == Streams)
            {
                allOpen.SetResult();
            }

            // Every stream waits for the last one to begin, so that all of them are open at once.
            return new ScriptedReply { Ids = [10, 11, 12, 13], HoldAfterMessages = 1, Hold = allOpen.Task };
        });
        await using var engine = Engines.Create(server.Endpoint);

        var answers = await Task.WhenAll(Enumerable.Range(0, Streams).Select(_ =>
            engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync()));

        Assert.All(answers, updates => Assert.Equal([10, 11, 12, 13], updates.Ids().Take(4)));
        Assert.InRange(server.AcceptedConnections, 1, 50);
    }

    /// <summary>
    /// Two servers that take few streams on a connection: one holds every answer back until all were asked for, so that each needs a connection; one
    /// answers at once.
    /// </summary>
    [Theory]
    [InlineData(1, 50, true)]
    [InlineData(1, 2_000, false)]
    [InlineData(100, 2_000, false)]
    public async Task Generate_BurstOverTheStreamLimit_IsQueuedWithFewResets(int limit, int burst, bool holds)
    {
        await using var server = await ReplayServer.StartAsync(streamsPerConnection: limit);
        server.AnswerInformation(EmulatedServer.VllmEngine);
        var allOpen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = 0;
        server.Handle("/vllm.grpc.engine.VllmEngine/Generate", async (context, _) =>
        {
            if (Interlocked.Increment(ref open) == burst)
            {
                allOpen.SetResult();
            }

            await (holds ? allOpen.Task.WaitAsync(Engines.HangGuard) : Task.CompletedTask);
            var complete = new Protocol.Engine.GenerateResponse { Complete = new() { OutputIds = { 8 }, FinishReason = "stop", PromptTokens = 1 } };
            await ReplayServer.SendAsync(context, [complete.ToByteArray()]);
        });
        await using var engine = Engines.Create(server.Endpoint);

        await Task.WhenAll(
            Enumerable.Range(0, burst).Select(_ => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync()));

        TestContext.Current.TestOutputHelper?.WriteLine($"{server.Resets} resets, {server.Connections} connections, {server.Received.Count} calls");

        // Whatever the machine does: a connection that opens keeps back what waits for a stream, which is a few messages and not the burst.
        Assert.InRange(server.Resets, 0, 8 * server.Connections);
    }
}

using System.Text.Json;
using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Testing.Tests;

public sealed class RecordReplayTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"vllm-recording-{Guid.NewGuid():N}.jsonl");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Record_ThenReplay_GivesTheSameBytesForAnotherRequestId()
    {
        await using var real = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        real.Reply(new ScriptedReply { Ids = [10, 11, 12] });
        RawAnswer recorded, refused;
        await using (var proxy = await VllmEmulator.StartAsync(new() { Upstream = real.Endpoint, RecordFile = _file }, Cancel))
        {
            using var client = new RawGrpcClient(proxy.Endpoint);
            recorded = await client.CallAsync(Methods.Generate, Request("first"), Cancel);
            refused = await client.CallAsync(Methods.Generate, new GenerateRequest { RequestId = "x", Tokenized = new() }, Cancel);
        }

        await using var replay = await VllmEmulator.StartAsync(new() { ReplayFile = _file }, Cancel);
        using var again = new RawGrpcClient(replay.Endpoint);
        var replayed = await again.CallAsync(Methods.Generate, Request("second"), Cancel);
        var refusedAgain = await again.CallAsync(Methods.Generate, new GenerateRequest { RequestId = "y", Tokenized = new() }, Cancel);
        var unknown = await again.CallAsync(Methods.Generate, new GenerateRequest { Tokenized = new() { InputIds = { 99 } } }, Cancel);
        var abort = await again.CallAsync(Methods.Abort, new AbortRequest { RequestIds = { "second" } }, Cancel);

        Assert.Equal(5, recorded.Messages.Count);
        Assert.Equal(recorded.Messages, replayed.Messages);
        Assert.Equal((3, "The decoder prompt cannot be empty"), (refused.Status, refused.Detail));
        Assert.Equal((refused.Status, refused.Detail), (refusedAgain.Status, refusedAgain.Detail));
        Assert.Equal(9, unknown.Status);
        Assert.Equal(0, abort.Status);
        Assert.Equal("second", replay.Requests[0].RequestId);
        var line = JsonDocument.Parse((await File.ReadAllLinesAsync(_file, Cancel))[0]).RootElement;
        Assert.Equal(Methods.Generate, line.GetProperty("rpc").GetString());
        Assert.Equal("OK", line.GetProperty("status").GetString());
        Assert.True(line.GetProperty("stream").GetBoolean());
    }

    [Fact]
    public async Task Replay_LiveRecording_AnswersEveryExchange()
    {
        var file = TestPaths.RequireCorpus("recordings/exchanges.jsonl");
        await using var server = await VllmEmulator.StartAsync(new() { ReplayFile = file }, Cancel);
        using var client = new RawGrpcClient(server.Endpoint);
        foreach (var exchange in RecordedExchange.Load(file))
        {
            var answer = await client.CallAsync(exchange.Rpc, exchange.Request, Cancel);

            Assert.Equal(exchange.Responses, answer.Messages);
            Assert.Equal(exchange.Details, answer.Detail);
        }
    }

    [Fact]
    public async Task Proxy_UpstreamGone_IsUnavailable()
    {
        var real = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        var endpoint = real.Endpoint;
        await real.DisposeAsync();
        await using var proxy = await VllmEmulator.StartAsync(new() { Upstream = endpoint }, Cancel);
        using var client = new RawGrpcClient(proxy.Endpoint);

        var answer = await client.CallAsync(Methods.Generate, Request("x"), Cancel);

        Assert.Equal(14, answer.Status);
    }

    [Fact]
    public async Task StartAsync_BrokenRecordingOrModelFolder_SaysWhatAndWhere()
    {
        await File.WriteAllTextAsync(_file, "{\"rpc\": 3}\n", Cancel);

        var recording = await Assert.ThrowsAsync<InvalidDataException>(() => VllmEmulator.StartAsync(new() { ReplayFile = _file }, Cancel));
        var folder =
            await Assert.ThrowsAsync<InvalidDataException>(() => VllmEmulator.StartAsync(new() { ModelDirectory = "/nowhere/at/all" }, Cancel));

        Assert.Contains("line 1", recording.Message);
        Assert.Contains("/nowhere/at/all", folder.Message);
    }

    public void Dispose() => File.Delete(_file);

    private static GenerateRequest Request(string id) => new() { RequestId = id, Tokenized = new() { InputIds = { 1, 2, 3 } }, Stream = true };
}

using System.Text;
using Connectors.Vllm.Grpc.Protocol.Engine;
using InferenceProtocol = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>
/// The ways real servers die, as frames on the socket. Seen on vLLM 0.32: The VllmEngine protocol's process outlives its engine and ends calls in
/// trailers; the Inference protocol's connections end with GOAWAY code 0 and a closed socket.
/// </summary>
public sealed class DeathTests
{
    private const string EngineText = "EngineCore encountered an issue. See stack trace (above) for the root cause.";
    private static readonly TimeSpan HangGuard = TimeSpan.FromSeconds(20);

    /// <summary>GOAWAY (RFC 9113, section 6.8): last stream 2^31-1, error code 0, no debug data.</summary>
    private static readonly byte[] GoAwayZero = [0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task KillEngine_VllmEngineStream_EndsInTrailersOnAConnectionThatStays()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(Held(1));
        var begun = new TaskCompletionSource();
        var peek = Http2Peek.CallAsync(server.Endpoint, Methods.Generate, EngineRequest(stream: true), Cancel, firstMessage: begun);
        await begun.Task.WaitAsync(HangGuard, Cancel);

        await server.KillEngineAsync();
        var (frames, end) = await peek.WaitAsync(HangGuard, Cancel);

        Assert.Equal("end of stream", end);
        Assert.Equal([Http2Frame.Headers, Http2Frame.Data, Http2Frame.Headers], OfTheCall(frames));
        Assert.DoesNotContain(frames, frame => frame.Type is Http2Frame.GoAway or Http2Frame.ResetStream);
        AssertTrailers(frames[^1], 13, EngineText);

        // chunk{ids [10], prompt 3, completion 1}
        Assert.Equal("00000000090A070A010A10031801", Convert.ToHexString(frames.Single(frame => frame.Type == Http2Frame.Data).Payload));
    }

    [Fact]
    public async Task KillEngine_VllmEngineWhole_EndsInTrailersWithoutAMessage()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(Held(1));
        var peek = Http2Peek.CallAsync(server.Endpoint, Methods.Generate, EngineRequest(stream: false), Cancel);
        var captured = await server.WaitForRequestAsync(request => request.RequestId == "r1", Cancel).WaitAsync(HangGuard, Cancel);
        await Eventually.IsTrueAsync(() => captured.OutputTokens >= 1, Cancel);

        await server.KillEngineAsync();
        var (frames, end) = await peek.WaitAsync(HangGuard, Cancel);

        Assert.Equal("end of stream", end);
        Assert.DoesNotContain(frames, frame => frame is { Type: Http2Frame.Data, Payload.Length: > 0 });
        AssertTrailers(frames[^1], 13, EngineText);
    }

    [Fact]
    public async Task KillEngine_VllmEngineLaterCalls_FailTheSameWayAndHealthSaysNoWithOk()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        await server.KillEngineAsync();

        var (generate, _) = await Http2Peek.CallAsync(server.Endpoint, Methods.Generate, EngineRequest(stream: true), Cancel)
            .WaitAsync(HangGuard, Cancel);
        var (health, _) = await Http2Peek.CallAsync(server.Endpoint, "/vllm.grpc.engine.VllmEngine/HealthCheck", new HealthCheckRequest(), Cancel)
            .WaitAsync(HangGuard, Cancel);

        AssertTrailers(generate[^1], 13, EngineText);

        // HealthCheckResponse: field 1 (healthy) absent is false; field 2 is the text of 19 bytes.
        Assert.Equal([0, 0, 0, 0, 20 + 1, 0x12, 19, .. "Engine is not alive"u8], health.Single(frame => frame.Type == Http2Frame.Data).Payload);
        AssertTrailers(health[^1], 0, "");
    }

    [Fact]
    public async Task Terminate_VllmEngine_RefusesConnectionsLetsStreamsGoOnThenCancelsThem()
    {
        await using var server = await VllmEmulator.StartAsync(new() { ShutdownGrace = TimeSpan.FromSeconds(3) }, Cancel);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Enqueue(
            new ScriptedReply { Ids = [10, 11], EndWithEos = false, FinishReason = "length", Hold = goOn.Task, HoldAfterMessages = 1 }, Held(1));
        TaskCompletionSource first = new(), second = new();
        var finishing = Http2Peek.CallAsync(server.Endpoint, Methods.Generate, EngineRequest(stream: true), Cancel, firstMessage: first);
        await first.Task.WaitAsync(HangGuard, Cancel);
        var lasting = Http2Peek.CallAsync(server.Endpoint, Methods.Generate, EngineRequest(stream: true), Cancel, firstMessage: second);
        await second.Task.WaitAsync(HangGuard, Cancel);

        var terminate = server.TerminateAsync();
        using var other = new RawGrpcClient(server.Endpoint);
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => other.CallAsync(Methods.Generate, EngineRequest(stream: true), Cancel));
        goOn.SetResult();
        var (finished, _) = await finishing.WaitAsync(HangGuard, Cancel);
        Assert.False(terminate.IsCompleted);
        var (cancelled, _) = await lasting.WaitAsync(HangGuard, Cancel);
        await terminate.WaitAsync(HangGuard, Cancel);

        Assert.Equal(HttpRequestError.ConnectionError, refused.HttpRequestError);
        AssertTrailers(finished[^1], 0, "");
        AssertTrailers(cancelled[^1], 14, "Cancelling all calls");
        Assert.Equal(GoAwayZero, cancelled.First(frame => frame.Type == Http2Frame.GoAway).Payload);
    }

    [Fact]
    public async Task KillEngine_Inference_SendsGoAwayZeroClosesAndRefusesUntilRestart()
    {
        await using var server = await VllmEmulator.StartAsync(new() { Server = EmulatedServer.Inference }, Cancel);
        var endpoint = server.Endpoint;
        var frames = await EndOfInferenceAsync(server, () => server.KillEngineAsync());
        using var client = new RawGrpcClient(endpoint);
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => client.CallAsync(Methods.InferenceStream, InferenceRequest(), Cancel));
        await server.RestartAsync(Cancel);
        var alive = await client.CallAsync(Methods.InferenceStream, InferenceRequest(), Cancel);

        Assert.Equal(GoAwayZero, frames[^1].Payload);
        Assert.Equal(HttpRequestError.ConnectionError, refused.HttpRequestError);
        Assert.Equal(0, alive.Status);
        Assert.Equal(endpoint, server.Endpoint);
    }

    [Fact]
    public async Task Terminate_Inference_SendsGoAwayZeroAndClosesAtOnce()
    {
        await using var server = await VllmEmulator.StartAsync(new() { Server = EmulatedServer.Inference }, Cancel);

        var frames = await EndOfInferenceAsync(server, server.TerminateAsync);

        Assert.Equal(GoAwayZero, frames[^1].Payload);
    }

    [Fact]
    public async Task PromptOutOfVocabulary_Inference_KillsTheEngineAndHealthSaysSo()
    {
        await using var server = await VllmEmulator.StartAsync(new() { Server = EmulatedServer.Inference }, Cancel);
        using var client = new RawGrpcClient(server.Endpoint);
        var request = InferenceRequest();
        request.TokenIds.Ids.Add(999_999);

        var killed = await client.CallAsync(Methods.InferenceStream, request, Cancel);
        foreach (var service in new[] { "", "vllm.Inference", "vllm.Control" })
        {
            var health =
                await client.CallAsync("/grpc.health.v1.Health/Check", new Grpc.Protocol.Health.HealthCheckRequest { Service = service }, Cancel);
            Assert.Equal(Grpc.Protocol.Health.HealthCheckResponse.Types.ServingStatus.NotServing,
                health.Parse(Grpc.Protocol.Health.HealthCheckResponse.Parser).Single().Status);
        }

        Assert.Equal((13, "engine-core error: engine core reported fatal failure"), (killed.Status, killed.Detail));
    }

    private static ScriptedReply Held(int messages) =>
        new() { Ids = [10, 11, 12], Hold = new TaskCompletionSource().Task, HoldAfterMessages = messages };

    private static GenerateRequest EngineRequest(bool stream) =>
        new() { RequestId = "r1", Tokenized = new() { InputIds = { 1, 2, 3 } }, Stream = stream };

    private static InferenceProtocol.GenerateRequest InferenceRequest() => new() { RequestId = "r1", TokenIds = new() { Ids = { 1, 2, 3 } } };

    /// <summary>
    /// The frames of a stream of the Inference protocol that ends with its connection: after the first tokens there is GOAWAY and no end of the stream.
    /// </summary>
    private static async Task<List<Http2Frame>> EndOfInferenceAsync(VllmEmulator server, Func<Task> die)
    {
        server.Enqueue(Held(1));
        var begun = new TaskCompletionSource();
        var peek = Http2Peek.CallAsync(server.Endpoint, Methods.InferenceStream, InferenceRequest(), Cancel, firstMessage: begun);
        await begun.Task.WaitAsync(HangGuard, Cancel);
        await die().WaitAsync(HangGuard, Cancel);
        var (frames, end) = await peek.WaitAsync(HangGuard, Cancel);

        Assert.Equal("closed", end);
        Assert.Equal((Http2Frame.GoAway, 0, 0), (frames[^1].Type, frames[^1].Flags, frames[^1].Stream));
        Assert.Equal([Http2Frame.Headers, Http2Frame.Data], OfTheCall(frames).Distinct());
        Assert.DoesNotContain(frames, frame => frame.Stream == 1 && (frame.Flags & 1) != 0);

        // prompt_info{num_prompt_tokens 3} is the first message.
        Assert.StartsWith(
            "00000000040A020803", Convert.ToHexString([.. frames.Where(frame => frame.Type == Http2Frame.Data).SelectMany(frame => frame.Payload)]));
        return frames;
    }

    private static IEnumerable<int> OfTheCall(IEnumerable<Http2Frame> frames) =>
        frames.Where(frame => frame is { Stream: 1, Type: Http2Frame.Data or Http2Frame.Headers }
            && (frame.Type == Http2Frame.Headers || frame.Payload.Length > 0)).Select(frame => frame.Type);

    private static void AssertTrailers(Http2Frame frame, int status, string text)
    {
        Assert.Equal((Http2Frame.Headers, 1), (frame.Type, frame.Flags & 1));

        // Trailers are written without Huffman coding: name and value each behind their length.
        var block = Encoding.ASCII.GetString(frame.Payload);
        var value = status.ToString();
        Assert.Contains($"grpc-status{(char)value.Length}{value}", block, StringComparison.Ordinal);
        if (text.Length > 0)
        {
            Assert.Contains($"grpc-message{(char)text.Length}{text}", block, StringComparison.Ordinal);
        }
    }
}

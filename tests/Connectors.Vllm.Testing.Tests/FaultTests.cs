using System.Buffers.Binary;
using System.Text;
using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Testing.Tests;

/// <summary>Faults, seen as frames on the socket.</summary>
public sealed class FaultTests
{
    private static readonly TimeSpan HangGuard = TimeSpan.FromSeconds(20);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Delivery_SingleBytes_CutsEveryDataFrameAndKeepsTheBytes()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        var reply = new ScriptedReply { Ids = [10, 11, 12], TokensPerMessage = 1 };
        server.Enqueue(reply, reply with { Delivery = MessageDelivery.SingleBytes }, reply with { Delivery = MessageDelivery.SlowDrip });

        var (whole, _) = await PeekAsync(server);
        var (split, end) = await PeekAsync(server);
        var (dripped, _) = await PeekAsync(server);

        Assert.Equal("end of stream", end);
        Assert.All(Data(split), frame => Assert.True(frame.Payload.Length <= 1));
        Assert.Equal(Payload(whole), Payload(split));
        Assert.Equal(Payload(whole), Payload(dripped));
        Assert.Contains("grpc-status", Encoding.ASCII.GetString(split[^1].Payload));
    }

    [Fact]
    public async Task Delivery_Together_PacksSeveralMessagesInAFrame()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12, 13], Delivery = MessageDelivery.Together });

        var (frames, _) = await PeekAsync(server);

        var first = Data(frames)[0].Payload;
        Assert.True(first.Length > 5 + BinaryPrimitives.ReadInt32BigEndian(first.AsSpan(1)), "one message only");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task ResetStream_WithCode_SendsIt(int after)
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(
            new ScriptedReply { Ids = [10, 11, 12], Fault = new() { Kind = FaultKind.ResetStream, AfterMessages = after, Http2Error = 11 } });

        var (frames, end) = await PeekAsync(server);

        Assert.Equal("reset stream", end);
        Assert.Equal(11, BinaryPrimitives.ReadInt32BigEndian(frames[^1].Payload));
        Assert.Equal(after, Messages(frames).Count);
    }

    [Fact]
    public async Task GoAway_MidStream_SendsTheFrameAndCloses()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(
            new ScriptedReply
            { Ids = [10, 11, 12], Fault = new() { Kind = FaultKind.GoAway, AfterMessages = 1, Http2Error = 11, Detail = "too_many_pings" } });

        var (frames, end) = await PeekAsync(server);

        Assert.Equal("closed", end);
        Assert.Equal(Http2Frame.GoAway, frames[^1].Type);
        Assert.Equal(11, BinaryPrimitives.ReadInt32BigEndian(frames[^1].Payload.AsSpan(4)));
        Assert.Equal("too_many_pings", Encoding.ASCII.GetString(frames[^1].Payload.AsSpan(8)));
        Assert.Single(Messages(frames));
    }

    [Theory]
    [InlineData(FaultKind.DropConnection, "connection reset")]
    [InlineData(FaultKind.CloseConnection, "closed")]
    public async Task Connection_DropOrClose_EndsTheSocketAccordingly(FaultKind kind, string expected)
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], Fault = ServerFault.After(1, kind) });

        var (frames, end) = await PeekAsync(server);

        Assert.Equal(expected, end);
        Assert.True(Messages(frames).Count <= 1);
    }

    [Theory]
    [InlineData(FaultKind.LengthTooLong)]
    [InlineData(FaultKind.MissingTrailers)]
    [InlineData(FaultKind.EndEarly)]
    public async Task Ending_Broken_EndsTheStreamAsNamed(FaultKind kind)
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], Fault = ServerFault.After(1, kind) });

        var (frames, end) = await PeekAsync(server);

        Assert.Equal("end of stream", end);
        Assert.Equal(
            kind != FaultKind.MissingTrailers, Encoding.ASCII.GetString(frames[^1].Payload).Contains("grpc-status", StringComparison.Ordinal));
        var data = Payload(frames);
        var complete = Messages(frames).Count;
        Assert.Equal(1, complete);
        Assert.Equal(kind == FaultKind.LengthTooLong, data.Length > 5 + BinaryPrimitives.ReadInt32BigEndian(data.AsSpan(1)));
    }

    [Theory]
    [InlineData(FaultKind.Oversize, 0, 0xFF)]
    [InlineData(FaultKind.BadCompressionFlag, 1, 0)]
    [InlineData(FaultKind.UnknownCompressionFlag, 7, 0)]
    public async Task Frame_Broken_ShowsThePrefixAndStaysOpen(FaultKind kind, byte flag, byte length)
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(new ScriptedReply { Ids = [10], Fault = ServerFault.After(0, kind) });

        var (frames, end) = await PeekAsync(server, seen => Payload(seen).Length >= 5);

        Assert.Equal("enough", end);
        Assert.Equal(flag, Payload(frames)[0]);
        Assert.Equal(length, Payload(frames)[1]);
    }

    [Fact]
    public async Task FailNext_AnyMethod_PlaysTheFaultOnce()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.FailNext("HealthCheck", ServerFault.Status(14, "out to lunch: 100%"));
        server.FailNext("HealthCheck", new ServerFault { Kind = FaultKind.HttpAnswer, HttpStatus = 503 });
        using var client = new RawGrpcClient(server.Endpoint);

        var refused = await client.CallAsync("/vllm.grpc.engine.VllmEngine/HealthCheck", new HealthCheckRequest(), Cancel);
        using var web = await client.SendAsync("/vllm.grpc.engine.VllmEngine/HealthCheck", [], Cancel);
        var fine = await client.CallAsync("/vllm.grpc.engine.VllmEngine/HealthCheck", new HealthCheckRequest(), Cancel);

        Assert.Equal((14, "out to lunch: 100%"), (refused.Status, refused.Detail));
        Assert.Equal("text/html", web.Content.Headers.ContentType?.MediaType);
        Assert.Equal(503, (int)web.StatusCode);
        Assert.Equal(0, fine.Status);
    }

    [Fact]
    public async Task Stall_ClientCancels_IsCountedAsCancelled()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Cancel);
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], Fault = ServerFault.After(1, FaultKind.Stall) });
        using var client = new RawGrpcClient(server.Endpoint);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var call = client.CallAsync(Methods.Generate, EngineRequest(), stop.Token);
        var captured = await server.WaitForRequestAsync("Generate", Cancel);

        await stop.CancelAsync();

        await captured.Cancelled.WaitAsync(HangGuard, Cancel);
        await captured.Ended.WaitAsync(HangGuard, Cancel);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(1, server.CancelledCalls);
        Assert.Equal(0, server.ActiveRequests);
    }

    private static Task<(List<Http2Frame> Frames, string End)> PeekAsync(VllmEmulator server, Func<IReadOnlyList<Http2Frame>, bool>? enough = null) =>
        Http2Peek.CallAsync(server.Endpoint, Methods.Generate, EngineRequest(), Cancel, enough).WaitAsync(HangGuard, Cancel);

    private static GenerateRequest EngineRequest() => new() { RequestId = "r1", Tokenized = new() { InputIds = { 1, 2, 3 } }, Stream = true };

    private static List<Http2Frame> Data(IEnumerable<Http2Frame> frames) =>
        [.. frames.Where(frame => frame is { Type: Http2Frame.Data, Stream: 1, Payload.Length: > 0 })];

    private static byte[] Payload(IEnumerable<Http2Frame> frames) => [.. Data(frames).SelectMany(frame => frame.Payload)];

    private static List<byte[]> Messages(IEnumerable<Http2Frame> frames)
    {
        var body = Payload(frames);
        var messages = new List<byte[]>();
        for (var at = 0; at + 5 <= body.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at + 1));
            if (length < 0 || at + 5 + length > body.Length)
            {
                break;
            }

            messages.Add(body.AsSpan(at + 5, length).ToArray());
            at += 5 + length;
        }

        return messages;
    }
}

using System.Globalization;
using System.IO.Compression;
using Connectors.Vllm.Grpc.Protocol.Engine;
using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Inference = Connectors.Vllm.Grpc.Protocol.Inference;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>What a misbehaving server may put on the wire: each ends in an answer or in the documented exception, within the limits.</summary>
public sealed class WireTests
{
    private const string Generate = "/vllm.grpc.engine.VllmEngine/Generate";
    private const int Limit = 100_000;

    private static readonly byte[] Chunk = new GenerateResponse { Chunk = new() { TokenIds = { 7, 8 }, PromptTokens = 3 } }.ToByteArray();

    private static readonly byte[] Complete = new GenerateResponse
    { Complete = new() { OutputIds = { 8 }, FinishReason = "stop", PromptTokens = 3 } }.ToByteArray();

    private static readonly GenerationRequest Request = new() { PromptIds = new[] { 1, 2, 3 }, Sampling = new SamplingOptions { MaxTokens = 16 } };

    [Fact]
    public async Task Generate_CompressedMessages_AreInflated()
    {
        await using var server = await StartAsync(context => SendCompressedAsync(context, Gzip(Chunk), Gzip(Complete)));
        await using var engine = Connect(server);

        var updates = await engine.GenerateAsync(Request).CollectAsync();

        Assert.Equal([7, 8], updates.Ids());
    }

    [Fact]
    public async Task Generate_MessageThatInflatesOverTheLimit_IsRefused()
    {
        var bomb = Gzip(new byte[100 * 1024 * 1024]);
        Assert.InRange(bomb.Length, 0, Limit + 20_000);
        await using var server = await StartAsync(context => SendCompressedAsync(context, bomb));
        await using var engine = Engines.Create(server.Endpoint, options => options.MaxReceiveMessageBytes = bomb.Length + 1);

        var exception = await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.Equal(StatusCode.ResourceExhausted, exception.StatusCode);
        Assert.Contains(nameof(VllmConnectionOptions.MaxReceiveMessageBytes), exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(9)]
    public async Task Generate_CompressedMessageCutAtItsEnd_IsRefused(int missing)
    {
        await using var server = await StartAsync(context => SendCompressedAsync(context, Gzip(Chunk)[..^missing], Gzip(Complete)));
        await using var engine = Connect(server);

        await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GenerateAsync(Request).CollectAsync());
    }

    [Fact]
    public async Task Generate_CompressionNobodyOffered_IsRefused()
    {
        await using var server = await StartAsync(context => SendCompressedAsync(context, [Chunk], "br"));
        await using var engine = Connect(server);

        await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GenerateAsync(Request).CollectAsync());
    }

    [Theory]
    [InlineData("0", "0")]
    [InlineData("0", "13")]
    [InlineData("seventeen", null)]
    public async Task Generate_StatusTwiceOrUnreadable_IsRefused(string first, string? second)
    {
        await using var server = await StartAsync(async context =>
        {
            await ReplayServer.StartAnswerAsync(context);
            await context.Response.Body.WriteAsync(ReplayServer.Frame(Chunk));
            await context.Response.Body.WriteAsync(ReplayServer.Frame(Complete));
            context.Response.AppendTrailer("grpc-status", second is null ? first : new Microsoft.Extensions.Primitives.StringValues([first, second]));
        });
        await using var engine = Connect(server);

        await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(Request).CollectAsync());
    }

    /// <summary>Also where every limit of silence is switched off: the answer is all there, and gRPC's own end is not worth a wait.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Generate_AnswerWithoutItsEnd_IsAnAnswerWithAWarning(bool hasLimits)
    {
        await using var server = await StartAsync(async context =>
        {
            await ReplayServer.StartAnswerAsync(context);
            await context.Response.Body.WriteAsync(ReplayServer.Frame(Chunk));
            await context.Response.Body.WriteAsync(ReplayServer.Frame(Complete));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        });
        using var log = new LogRecorder();
        var options = VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString());
        TimeSpan? limit = hasLimits ? TimeSpan.FromHours(1) : null;
        (options.FirstTokenTimeout, options.BetweenTokensTimeout) = (limit, limit);
        await using var engine = VllmGrpcClient.CreateEngine(options, log);

        var updates = await engine.GenerateAsync(Request).CollectAsync();

        Assert.Equal([7, 8], updates.Ids());
        Assert.Equal(GenerationFinishReason.Stop, updates.Finish().Reason);
        Assert.Contains(log.Lines, line =>
            line.Level == LogLevel.Warning && line.Text.Contains("did not end the call", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Embed_AnswerWithoutVector_IsRefused()
    {
        await using var server = await ReplayServer.StartAsync();
        server.AnswerInformation(EmulatedServer.VllmEngine);
        server.Answer("/vllm.grpc.engine.VllmEngine/Embed", [[]]);
        await using var engine = Connect(server);

        await Assert.ThrowsAsync<VllmProtocolException>(() => engine.EmbedAsync(new[] { 1 }));
    }

    [Fact]
    public async Task Generate_StructWithAnUnsetValue_IsRefused()
    {
        var finish = new Inference.FinishInfo
        {
            NumOutputTokens = 1,
            FinishReason = Inference.FinishInfo.Types.FinishReason.Stop,
            KvTransferParams = new Struct { Fields = { ["a"] = new Value() } },
        };
        var message = new Inference.GenerateResponse
        { PromptInfo = new() { NumPromptTokens = 3 }, Outputs = new() { TokenIds = { 9 }, NumTokens = 1, FinishInfo = finish } };
        await using var server = await ReplayServer.StartAsync();
        server.AnswerInformation(EmulatedServer.Inference);
        server.Answer("/vllm.Inference/GenerateStream", [message.ToByteArray()]);
        await using var engine = Connect(server);

        await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GenerateAsync(Request).CollectAsync());
    }

    [Fact]
    public async Task Generate_UnaryMethodWithoutAMessage_IsRefused()
    {
        await using var server = await ReplayServer.StartAsync();
        server.Answer("/vllm.grpc.engine.VllmEngine/HealthCheck", []);
        await using var engine = Engines.Create(server.Endpoint, options => options.Protocol = VllmProtocol.VllmEngine);

        await Assert.ThrowsAsync<VllmProtocolException>(() => engine.HealthAsync());
    }

    [Fact]
    public async Task Generate_TokensForEver_AreNotFollowed()
    {
        await using var server = await StartAsync(context => FloodAsync(context, Chunk));
        await using var engine = Connect(server);
        var received = 0;

        var exception = await Assert.ThrowsAsync<VllmProtocolException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(Request))
            {
                received += update.TokenIds.Length;
            }
        });

        Assert.InRange(received, 16, 16 + 64);
        Assert.Contains("16 tokens", exception.Message, StringComparison.Ordinal);
        await AbortedAsync(server);
    }

    [Fact]
    public async Task Generate_AMillionTokensInOneMessage_AreNoAnswer()
    {
        var message = new GenerateResponse { Chunk = new() { TokenIds = { Enumerable.Repeat(7u, 1_000_000) } } }.ToByteArray();
        await using var server = await StartAsync(context => ReplayServer.SendAsync(context, [message, Complete]));
        await using var engine = Connect(server, limit: int.MaxValue);

        await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GenerateAsync(Request).CollectAsync());
    }

    [Fact]
    public async Task Generate_EmptyMessagesWithoutEnd_AreSilence()
    {
        await using var server =
            await StartAsync(context => FloodAsync(context, new GenerateResponse { Chunk = new() { PromptTokens = 3 } }.ToByteArray()));
        await using var engine = Connect(server);

        await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GenerateAsync(Request).CollectAsync());
        await AbortedAsync(server);
    }

    [Fact]
    public async Task Generate_EmptyMessagesNowAndThen_DoNotExtendTheLimit()
    {
        await using var server = await StartAsync(context => FloodAsync(context, [], pause: TimeSpan.FromMilliseconds(20)));
        await using var engine = Engines.Create(server.Endpoint, options => options.FirstTokenTimeout = TimeSpan.FromMilliseconds(300));

        var exception = await Assert.ThrowsAsync<VllmTimeoutException>(() => engine.GenerateAsync(Request).CollectAsync());

        Assert.Equal(VllmTimeoutKind.FirstToken, exception.Kind);
    }

    /// <summary>Two hundred answers in a normal run, fifty thousand with VLLM_TEST_NIGHTLY=1.</summary>
    [Fact]
    public async Task Generate_AnyBytesForAnAnswer_GiveAnAnswerOrTheDocumentedException()
    {
        using var server = new Disposer<ReplayServer>(await StartAsync(_ => Task.CompletedTask));
        using var engine = new Disposer<IVllmEngine>(Connect(server.Value));
        Prop.ForAll(
            Gen.ListOf(Part).Select(parts => parts.SelectMany(part => part).ToArray()).ToArbitrary(),
            bytes =>
            {
                server.Value.Handle(Generate, async (context, _) =>
                {
                    await ReplayServer.StartAnswerAsync(context);
                    await context.Response.Body.WriteAsync(bytes);
                    context.Response.AppendTrailer("grpc-status", "0");
                });
                try
                {
                    var updates = engine.Value.GenerateAsync(Request).CollectAsync().WaitAsync(Engines.HangGuard).GetAwaiter().GetResult();
                    Assert.NotNull(updates.Finish());
                }
                catch (VllmException exception)
                {
                    Assert.NotNull(exception.Method);
                }
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(Environment.GetEnvironmentVariable("VLLM_TEST_NIGHTLY") == "1" ? 50_000 : 200));
    }

    /// <summary>Pieces of a hostile answer: right messages, prefixes that lie, flags that do not exist, noise.</summary>
    private static Gen<byte[]> Part => Gen.OneOf(
        Gen.Constant(ReplayServer.Frame(Chunk)),
        Gen.Constant(ReplayServer.Frame(Complete)),
        Gen.Constant(ReplayServer.Frame([])),
        Gen.Constant<byte[]>([0, 0xFF, 0xFF, 0xFF, 0xFF]),
        Gen.Constant<byte[]>([1, 0, 0, 0, 1, 0x1F]),
        Gen.Constant<byte[]>([9, 0, 0, 0, 0]),
        ArbMap.Default.GeneratorFor<byte[]>().Select(noise => noise ?? []),
        ArbMap.Default.GeneratorFor<byte[]>().Select(noise => ReplayServer.Frame(noise ?? [])));

    private static async Task<ReplayServer> StartAsync(Func<HttpContext, Task> generate)
    {
        var server = await ReplayServer.StartAsync();
        server.AnswerInformation(EmulatedServer.VllmEngine);
        server.Answer("/vllm.grpc.engine.VllmEngine/Abort", [[]]);
        server.Handle(Generate, (context, _) => generate(context));
        return server;
    }

    private static IVllmEngine Connect(ReplayServer server, int limit = Limit) =>
        Engines.Create(server.Endpoint, options => options.MaxReceiveMessageBytes = limit);

    private static Task SendCompressedAsync(HttpContext context, params byte[][] messages) => SendCompressedAsync(context, messages, "gzip");

    private static async Task SendCompressedAsync(HttpContext context, byte[][] messages, string encoding)
    {
        context.Response.Headers["grpc-encoding"] = encoding;
        await ReplayServer.StartAnswerAsync(context);
        foreach (var message in messages)
        {
            var frame = ReplayServer.Frame(message);
            frame[0] = 1;
            await context.Response.Body.WriteAsync(frame);
        }

        context.Response.AppendTrailer("grpc-status", 0.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The same message until the client leaves, at a pace that the test scripts.</summary>
    private static async Task FloodAsync(HttpContext context, byte[] message, TimeSpan pause = default)
    {
        await ReplayServer.StartAnswerAsync(context);
        try
        {
            while (true)
            {
                await context.Response.Body.WriteAsync(ReplayServer.Frame(message), context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                if (pause > TimeSpan.Zero)
                {
                    await Task.Delay(pause, context.RequestAborted);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
        }
    }

    private static async Task AbortedAsync(ReplayServer server)
    {
        using var guard = new CancellationTokenSource(Engines.HangGuard);
        await Eventually.IsTrueAsync(() => server.Received.Any(call => call.Method.EndsWith("/Abort", StringComparison.Ordinal)), guard.Token);
    }

    private static byte[] Gzip(byte[] message)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(message);
        }

        return target.ToArray();
    }

    private sealed class Disposer<T>(T value) : IDisposable
        where T : IAsyncDisposable
    {
        public T Value => value;

        public void Dispose() => value.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}

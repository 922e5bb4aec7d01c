using Connectors.Vllm.Grpc;
using Grpc.Core;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>Our client calls a server made of Grpc.AspNetCore and generated stubs.</summary>
public sealed class DotNetServerTests
{
    private static readonly TimeSpan HangGuard = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> ProtocolsAndModes => new()
    {
        { "VllmEngine", true }, { "VllmEngine", false }, { "Inference", true }, { "Inference", false },
    };

    [Theory]
    [MemberData(nameof(ProtocolsAndModes))]
    public async Task Generate_ShortAndLongAnswers_LoseNothing(string protocol, bool stream)
    {
        await using var server = await DotNetServer.StartAsync(protocol, Cancel);
        await using var engine = server.Connect();

        var (shortIds, finish, prompt) = await engine.CollectAsync(Request(PeerScript.Short, stream), Cancel);
        var (longIds, _, _) = await engine.CollectAsync(Request(PeerScript.Long, stream), Cancel);

        Assert.Equal([10, 11, 12, 2], shortIds);
        Assert.Equal((GenerationFinishReason.Stop, 4, 2), (finish.Reason, finish.OutputTokens, prompt));
        Assert.Equal([.. Enumerable.Range(0, 1999).Select(number => 10 + (number % 500)), 2], longIds);
        Assert.Equal(protocol == "VllmEngine" ? VllmProtocol.VllmEngine : VllmProtocol.Inference, engine.Protocol);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndModes))]
    public async Task Generate_GzipAnswers_AreUnpacked(string protocol, bool stream)
    {
        await using var server = await DotNetServer.StartAsync(
            protocol, Cancel, options =>
                (options.ResponseCompressionAlgorithm, options.ResponseCompressionLevel) = ("gzip", System.IO.Compression.CompressionLevel.Fastest));
        await using var engine = server.Connect();

        var (ids, _, _) = await engine.CollectAsync(Request(PeerScript.Long, stream), Cancel);

        Assert.Equal(2000, ids.Count);
        Assert.Contains("gzip", server.Script.ResponseEncodings);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndModes))]
    public async Task Generate_Refused_CarriesStatusTextAndIdFromTrailersOnly(string protocol, bool stream)
    {
        await using var server = await DotNetServer.StartAsync(protocol, Cancel);
        await using var engine = server.Connect();

        var exception = await Assert.ThrowsAsync<VllmRequestException>(
            () => engine.CollectAsync(Request(PeerScript.Refused, stream) with { RequestId = "mine" }, Cancel));

        Assert.Equal((StatusCode.InvalidArgument, "refused: naïve prompt, 100 % of it", "mine"),
            (exception.StatusCode, exception.ServerMessage, exception.RequestId));
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Generate_EngineDies_ThrowsAfterTheTokensSoFar(string protocol)
    {
        await using var server = await DotNetServer.StartAsync(protocol, Cancel);
        await using var engine = server.Connect();
        var ids = new List<int>();

        var exception = await Assert.ThrowsAsync<VllmException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(Request(PeerScript.Dying, stream: true), Cancel))
            {
                ids.AddRange(update.TokenIds.Span);
            }
        });

        Assert.Equal([20, 21], ids);
        Assert.True(exception.IsEngineDead);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndModes))]
    public async Task Generate_Cancelled_IsSeenByTheServerAndAborted(string protocol, bool stream)
    {
        await using var server = await DotNetServer.StartAsync(protocol, Cancel);
        await using var engine = server.Connect();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var call = Task.Run(async () =>
        {
            await foreach (var _ in engine.GenerateAsync(Request(PeerScript.Endless, stream) with { RequestId = "left" }, stop.Token))
            {
            }
        }, Cancel);
        await server.Script.ArrivedAsync("left").WaitAsync(HangGuard, Cancel);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(HangGuard, Cancel));
        await server.Script.LeftAsync("left").WaitAsync(HangGuard, Cancel);
        await Eventually.IsTrueAsync(() => server.Script.Aborted.Contains("left"), Cancel);
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Generate_Timeout_IsTheServersDeadlineToo(string protocol)
    {
        await using var server = await DotNetServer.StartAsync(protocol, Cancel);
        await using var engine = server.Connect(options => options.GenerationTimeout = TimeSpan.FromSeconds(1));
        var before = DateTime.UtcNow;

        var exception = await Assert.ThrowsAsync<VllmTimeoutException>(() => engine.CollectAsync(Request(PeerScript.Endless, stream: true), Cancel));

        Assert.Equal(nameof(VllmConnectionOptions.GenerationTimeout), exception.Option);

        // Of the right unit: how long the call took on this machine decides nothing.
        Assert.InRange(server.Script.Deadline, before, before.AddMinutes(10));
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Generate_Metadata_ArrivesInLowerCaseWithTheToken(string protocol)
    {
        await using var server = await DotNetServer.StartAsync(protocol, Cancel);
        await using var engine = server.Connect(options =>
        {
            options.BearerToken = "secret";
            options.Metadata["X-Tenant"] = "blue";
        });

        await engine.CollectAsync(
            Request(PeerScript.Short, stream: true)
            with
            { Metadata = new Dictionary<string, string> { ["X-Trace"] = "7" }, DataParallelRank = protocol == "Inference" ? 3 : null }, Cancel);

        var headers = server.Script.Headers!.ToDictionary(header => header.Key, header => header.Value);
        Assert.Equal(("Bearer secret", "blue", "7"), (headers["authorization"], headers["x-tenant"], headers["x-trace"]));
        Assert.Equal(protocol == "Inference" ? "3" : null, headers.GetValueOrDefault("x-data-parallel-rank"));
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Generate_LargePrompt_ArrivesWhole(string protocol)
    {
        await using var server = await DotNetServer.StartAsync(protocol, Cancel);
        await using var engine = server.Connect();
        var prompt = new int[3_000_000];
        Array.Fill(prompt, 999);
        prompt[0] = PeerScript.Short;

        var (_, _, promptTokens) = await engine.CollectAsync(new() { PromptIds = prompt, Sampling = Limited }, Cancel);

        Assert.Equal(prompt.Length, promptTokens);
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Generate_MoreStreamsThanAConnectionTakes_OpensConnectionsAndLosesNone(string protocol)
    {
        // Kestrel allows 100 streams per connection. Each further connection may lead to another process, so the server is queried again, once for
        // all of them.
        const int Streams = 350;
        await using var server = await DotNetServer.StartAsync(protocol, Cancel);
        await using var engine = server.Connect();
        var model = await engine.GetModelInfoAsync(Cancel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var open = 0;

        var calls = Enumerable.Range(0, Streams).Select(async _ =>
        {
            var isFirst = true;
            await foreach (var update in engine.GenerateAsync(Request(PeerScript.Endless, stream: true) with { PreparedFor = model }, stop.Token))
            {
                if (isFirst && !update.TokenIds.IsEmpty)
                {
                    isFirst = false;
                    if (Interlocked.Increment(ref open) == Streams)
                    {
                        await stop.CancelAsync();
                    }
                }
            }
        }).ToList();

        foreach (var call in calls)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(HangGuard, Cancel));
        }

        Assert.Equal(Streams, open);
        Assert.InRange(server.Script.ModelInfoCalls, 1, 30);
    }

    [Fact]
    public async Task GetTokenizerBundle_OneLargeMessage_IsReceivedAndCheckedByItsContent()
    {
        await using var server = await DotNetServer.StartAsync("VllmEngine", Cancel);
        await using var engine = server.Connect();

        var exception = await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GetTokenizerBundleAsync(cancellationToken: Cancel));

        // It came whole (the checksum is right) and is no zip archive.
        Assert.Equal(StatusCode.DataLoss, exception.StatusCode);
        Assert.DoesNotContain("SHA", exception.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static SamplingOptions Limited { get; } = new() { MaxTokens = 4000 };

    private static GenerationRequest Request(int script, bool stream) =>
        new() { PromptIds = new[] { script, 7 }, Stream = stream, Sampling = Limited };
}

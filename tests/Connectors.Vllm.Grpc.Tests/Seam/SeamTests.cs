using Connectors.Vllm.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>The engine over another transport: what it promises does not depend on the one that ships.</summary>
public sealed class SeamTests
{
    public static TheoryData<VllmServerFamily, bool> FamiliesAndModes => new()
    {
        { VllmServerFamily.A, true }, { VllmServerFamily.A, false }, { VllmServerFamily.B, true }, { VllmServerFamily.B, false },
    };

    [Theory]
    [MemberData(nameof(FamiliesAndModes))]
    public async Task Generate_Answer_GivesIdsCountsAndFinish(VllmServerFamily family, bool stream)
    {
        await using var server = await StartAsync(family);
        server.Enqueue(ScriptedReply.FromIds(10, 11, 12));
        await using var engine = Connect(server);

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2, 3 }, Stream = stream, StopTokenIds = [12] }).CollectAsync();

        Assert.Equal([10, 11, 12], updates.Ids());
        Assert.Equal((GenerationFinishReason.Stop, 12), (updates.Finish().Reason, updates.Finish().StopTokenId));
        Assert.Equal(3, updates.Max(update => update.PromptTokens));
        Assert.Equal(family == VllmServerFamily.A ? VllmProtocol.VllmEngine : VllmProtocol.Inference, engine.Protocol);
    }

    [Theory]
    [InlineData(VllmServerFamily.A)]
    [InlineData(VllmServerFamily.B)]
    public async Task Generate_EarlyBreak_ResetsAndAborts(VllmServerFamily family)
    {
        await using var server = await StartAsync(family);
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12], Hold = new TaskCompletionSource().Task, HoldAfterMessages = 2 });
        await using var engine = Connect(server);

        await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 }, RequestId = "left" }))
        {
            if (!update.TokenIds.IsEmpty)
            {
                break;
            }
        }

        var captured = await server.WaitForRequestAsync(request => request.RequestId == "left").WaitAsync(Engines.HangGuard);
        await captured.Cancelled.WaitAsync(Engines.HangGuard);
        await server.WaitForRequestAsync("/Abort").WaitAsync(Engines.HangGuard);
    }

    [Theory]
    [InlineData(VllmServerFamily.A)]
    [InlineData(VllmServerFamily.B)]
    public async Task Generate_RefusalSilenceAndLoss_AreTheDocumentedExceptions(VllmServerFamily family)
    {
        await using var server = await StartAsync(family);
        await using var engine = Connect(server);
        await using var impatient = Connect(server, options => options.FirstTokenTimeout = TimeSpan.FromMilliseconds(300));
        var request = new GenerationRequest { PromptIds = new[] { 1 } };

        server.Enqueue(
            ScriptedReply.Failing(ServerFault.Status(3, "no")),
            ScriptedReply.Failing(ServerFault.After(0, FaultKind.Stall)),
            ScriptedReply.Failing(ServerFault.After(0, FaultKind.DropConnection)));
        var refused = await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(request).CollectAsync());
        var silent = await Assert.ThrowsAsync<VllmTimeoutException>(() => impatient.GenerateAsync(request).CollectAsync());
        var lost = await Assert.ThrowsAsync<VllmConnectionException>(() => engine.GenerateAsync(request).CollectAsync());

        Assert.Equal("no", refused.ServerMessage);
        Assert.Equal(VllmTimeoutKind.FirstToken, silent.Kind);
        Assert.Equal((VllmStatusCode.Unavailable, true), (lost.StatusCode, lost.IsRetryable));
    }

    [Theory]
    [InlineData(VllmServerFamily.A)]
    [InlineData(VllmServerFamily.B)]
    public async Task Generate_ServerRestarted_AsksAgainBeforeItSends(VllmServerFamily family)
    {
        await using var server = await StartAsync(family);
        await using var engine = Connect(server, options => options.Retry.MaxRetries = 3);
        var request = new GenerationRequest { PromptIds = new[] { 1 }, PreparedFor = await engine.GetModelInfoAsync() };
        await server.RestartAsync();
        server.ClearRequests();

        await engine.GenerateAsync(request).CollectAsync();

        var methods = server.Requests.Select(captured => captured.Method[(captured.Method.LastIndexOf('/') + 1)..]).ToList();
        Assert.InRange(methods.IndexOf("GetModelInfo"), 0, methods.FindIndex(method => method.StartsWith("Generate", StringComparison.Ordinal)) - 1);
    }

    private static Task<VllmTestServer> StartAsync(VllmServerFamily family) => VllmTestServer.StartAsync(new VllmTestServerOptions { Family = family });

    private static ServerPool Connect(VllmTestServer server, Action<VllmConnectionOptions>? configure = null)
    {
        var options = VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString());
        options.Retry.MaxRetries = 0;
        configure?.Invoke(options);
        return new ServerPool(options, static (uri, settings) => new GrpcNetTransport(uri, settings), NullLogger.Instance);
    }
}

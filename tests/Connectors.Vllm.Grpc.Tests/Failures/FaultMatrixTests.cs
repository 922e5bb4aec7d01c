using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>Each fault, in each family, streaming and not, before the first message, in the middle and at the end: the documented exception and no hang.</summary>
public sealed class FaultMatrixTests
{
    private const int Before = 0;
    private const int Middle = 3;
    private const int AtEnd = ServerFault.AtEnd;

    public static TheoryData<VllmServerFamily, FaultKind, bool, int> Cases()
    {
        var data = new TheoryData<VllmServerFamily, FaultKind, bool, int>();
        foreach (var family in Enum.GetValues<VllmServerFamily>())
        {
            foreach (var kind in Enum.GetValues<FaultKind>().Where(kind => kind is not (FaultKind.Stall or FaultKind.HttpAnswer)))
            {
                foreach (var stream in new[] { true, false })
                {
                    foreach (var at in new[] { Before, Middle, AtEnd })
                    {
                        var isPossible = (stream || at != Middle) && !(kind == FaultKind.EndEarly && at == AtEnd);
                        if (isPossible)
                        {
                            data.Add(family, kind, stream, at);
                        }
                    }
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Generate_Fault_ThrowsTheDocumentedException(VllmServerFamily family, FaultKind kind, bool stream, int at)
    {
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Family = family });

        // A reset may overtake data that nobody has read yet; so the server waits before the fault until the first tokens were read.
        var firstIds = family == VllmServerFamily.A ? new[] { 10, 11 } : [10];
        var isRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var waits = stream && at == Middle;
        server.Enqueue(new ScriptedReply
        {
            Ids = [10, 11, 12, 13, 14, 15],
            Fault = new ServerFault { Kind = kind, AfterMessages = at, Detail = "played" },
            HoldAfterMessages = 2,
            Hold = waits ? isRead.Task : null,
        });
        await using var engine = Engines.Create(server.Endpoint);
        var received = new List<int>();

        var run = async () =>
        {
            await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2, 3 }, Stream = stream }))
            {
                received.AddRange(update.TokenIds.Span);
                if (received.Count >= firstIds.Length)
                {
                    isRead.TrySetResult();
                }
            }
        };
        var exception = await Assert.ThrowsAnyAsync<VllmException>(() => run().WaitAsync(Engines.HangGuard));

        var isExpected = kind switch
        {
            FaultKind.DropConnection or FaultKind.CloseConnection or FaultKind.GoAway => exception is VllmConnectionException { StatusCode: VllmStatusCode.Unavailable, IsRetryable: true },
            FaultKind.ResetStream => exception is VllmConnectionException { StatusCode: VllmStatusCode.Internal },
            FaultKind.Status => exception is VllmConnectionException { ServerMessage: "played", IsRetryable: true },
            FaultKind.Oversize => exception is VllmProtocolException { StatusCode: VllmStatusCode.ResourceExhausted },
            _ => exception is VllmProtocolException,
        };
        Assert.True(isExpected, exception.ToString());
        Assert.Equal(server.Endpoint.Authority, exception.Endpoint!.Authority);
        Assert.NotNull(exception.Method);
        Assert.NotNull(exception.RequestId);
        if (waits)
        {
            Assert.Equal(firstIds, received.Take(firstIds.Length));
        }

        // Nothing is left running on the server, and the next call works.
        await server.WaitUntilIdleAsync().WaitAsync(Engines.HangGuard);
        server.Enqueue(ScriptedReply.FromIds(20, 21));
        var next = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();
        Assert.Equal([20, 21], next.Ids().Take(2));
    }

    [Theory]
    [InlineData(VllmServerFamily.A, true)]
    [InlineData(VllmServerFamily.A, false)]
    [InlineData(VllmServerFamily.B, true)]
    [InlineData(VllmServerFamily.B, false)]
    public async Task Generate_StallBeforeFirstMessage_TimesOutAndAborts(VllmServerFamily family, bool stream)
    {
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Family = family });
        server.Enqueue(ScriptedReply.Failing(ServerFault.After(0, FaultKind.Stall)));
        await using var engine = Engines.Create(server.Endpoint, options => options.FirstTokenTimeout = TimeSpan.FromMilliseconds(400));

        var e = await Assert.ThrowsAsync<VllmTimeoutException>(
            () => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2 }, Stream = stream }).CollectAsync());

        Assert.Equal(VllmTimeoutKind.FirstToken, e.Kind);
        await server.WaitForRequestAsync("/Abort").WaitAsync(Engines.HangGuard);
        await server.WaitUntilIdleAsync().WaitAsync(Engines.HangGuard);
    }

    [Theory]
    [InlineData(VllmServerFamily.A)]
    [InlineData(VllmServerFamily.B)]
    public async Task Generate_StallInTheMiddle_TimesOutWithWhatCameBefore(VllmServerFamily family)
    {
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Family = family });
        server.Enqueue(new ScriptedReply { Ids = [10, 11, 12, 13, 14], Fault = ServerFault.After(3, FaultKind.Stall) });
        await using var engine = Engines.Create(server.Endpoint, options => options.BetweenTokensTimeout = TimeSpan.FromMilliseconds(400));
        var received = new List<int>();

        var e = await Assert.ThrowsAsync<VllmTimeoutException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2 } }))
            {
                received.AddRange(update.TokenIds.Span);
            }
        });

        Assert.Equal(VllmTimeoutKind.BetweenTokens, e.Kind);
        Assert.Equal([10, 11], received.Take(2));
        await server.WaitForRequestAsync("/Abort").WaitAsync(Engines.HangGuard);
    }

    [Fact]
    public async Task Generate_SlowReader_IsNoSilentServer()
    {
        await using var server = await VllmTestServer.StartAsync();
        server.Enqueue(ScriptedReply.FromIds(10, 11, 12));
        await using var engine = Engines.Create(server.Endpoint, options => options.BetweenTokensTimeout = TimeSpan.FromMilliseconds(150));
        var received = new List<int>();

        await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2 } }))
        {
            received.AddRange(update.TokenIds.Span);
            await Task.Delay(300);
        }

        Assert.Equal([10, 11, 12], received.Take(3));
    }
}

using Connectors.Vllm.Testing;
using Grpc.Core;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>
/// Each fault, in each protocol, streaming and not, before the first message, in the middle and at the end: the documented exception, no hang, the
/// tokens so far, nothing left running, and an abort where the server may still be at work.
/// </summary>
public sealed class FaultMatrixTests
{
    private const int Before = 0;
    private const int Middle = 3;
    private const int AtEnd = ServerFault.AtEnd;
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<EmulatedServer, FaultKind, bool, int> Cases()
    {
        var data = new TheoryData<EmulatedServer, FaultKind, bool, int>();
        foreach (var protocol in new[] { EmulatedServer.VllmEngine, EmulatedServer.Inference })
        {
            foreach (var kind in Enum.GetValues<FaultKind>())
            {
                foreach (var stream in new[] { true, false })
                {
                    foreach (var at in new[] { Before, Middle, AtEnd }.Where(at => IsPossible(protocol, kind, stream, at)))
                    {
                        data.Add(protocol, kind, stream, at);
                    }
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Generate_Fault_ThrowsTheDocumentedException(EmulatedServer protocol, FaultKind kind, bool stream, int at)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol });

        // A reset may overtake data that has not been read yet, so the server waits before the fault until the first tokens were read.
        var firstIds = protocol == EmulatedServer.VllmEngine ? new[] { 10, 11 } : [10];
        var isRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var waits = stream && at == Middle;
        server.Enqueue(new ScriptedReply
        {
            Ids = [10, 11, 12, 13, 14, 15],

            // Whole answers of several choices are several messages in the VllmEngine protocol; the fault comes after the first of them.
            Fault = new ServerFault { Kind = kind, AfterMessages = at == Middle && !stream ? 1 : at, Detail = "played" },
            HoldAfterMessages = 2,
            Hold = waits ? isRead.Task : null,
        });
        await using var engine =
            Engines.Create(server.Endpoint, options => (options.FirstTokenTimeout, options.BetweenTokensTimeout) = (Patience, Patience));
        await engine.GetModelInfoAsync();
        await using var impatient = Engines.Create(
            server.Endpoint, options => (options.FirstTokenTimeout, options.BetweenTokensTimeout) = (at == Before ? Silence : Patience, Silence));
        await impatient.GetModelInfoAsync();
        var received = new List<int>();
        var request = new GenerationRequest
        {
            PromptIds = new[] { 1, 2, 3 },
            Stream = stream,
            Sampling = at == Middle && !stream ? new SamplingOptions { ChoiceCount = 2, Temperature = 1 } : SamplingOptions.Default,
        };

        var run = async () =>
        {
            await foreach (var update in (kind == FaultKind.Stall ? impatient : engine).GenerateAsync(request))
            {
                received.AddRange(update.TokenIds.Span);
                if (received.Count >= firstIds.Length)
                {
                    isRead.TrySetResult();
                }
            }
        };
        if (kind is FaultKind.MissingTrailers or FaultKind.Stall && at == AtEnd)
        {
            // The answer is all there; only gRPC's own end is missing, which is a warning.
            await run().WaitAsync(Engines.HangGuard);
            Assert.Equal([10, 11, 12, 13, 14, 15], received.Take(6));
            return;
        }

        var exception = await Assert.ThrowsAnyAsync<VllmException>(() => run().WaitAsync(Engines.HangGuard));

        var isExpected = kind switch
        {
            FaultKind.DropConnection or FaultKind.CloseConnection or FaultKind.GoAway =>
                exception is VllmConnectionException { StatusCode: StatusCode.Unavailable, IsRetryable: true },
            FaultKind.ResetStream => exception is VllmConnectionException { StatusCode: StatusCode.Internal },
            FaultKind.Status => exception is VllmConnectionException { ServerMessage: "played", IsRetryable: true },
            FaultKind.Oversize => exception is VllmProtocolException { StatusCode: StatusCode.ResourceExhausted },
            FaultKind.HttpAnswer => exception is VllmConnectionException { StatusCode: StatusCode.Unimplemented },
            FaultKind.Stall => exception is VllmTimeoutException timeout
                && timeout.Kind == (at == Before ? VllmTimeoutKind.FirstToken : VllmTimeoutKind.BetweenTokens),
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

        // Unless the server has ended the call itself, it sees the cancellation and receives an abort.
        if (kind is FaultKind.Stall or FaultKind.Oversize or FaultKind.BadCompressionFlag or FaultKind.UnknownCompressionFlag
            or FaultKind.NotProtobuf)
        {
            var captured = await server.WaitForRequestAsync(call => call.RequestId == exception.RequestId).WaitAsync(Engines.HangGuard);
            await (at == AtEnd ? captured.Ended : captured.Cancelled).WaitAsync(Engines.HangGuard);
            await server.WaitForRequestAsync(call => call.Method.EndsWith("/Abort", StringComparison.Ordinal) && Names(call, exception.RequestId!))
                .WaitAsync(Engines.HangGuard);
        }

        // Nothing is left running on the server, and the next call works.
        await server.WaitUntilIdleAsync().WaitAsync(Engines.HangGuard);
        server.Enqueue(ScriptedReply.FromIds(20, 21));
        var next = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();
        Assert.Equal([20, 21], next.Ids().Take(2));
    }

    private static bool IsPossible(EmulatedServer protocol, FaultKind kind, bool stream, int at) => (kind, at) switch
    {
        // After the last message an end with OK is no fault, and an HTTP answer comes instead of any message.
        (FaultKind.EndEarly, AtEnd) => false,
        (FaultKind.HttpAnswer, not Before) => false,

        // A whole answer of the Inference protocol is one message; it has no middle.
        (_, Middle) => stream || protocol == EmulatedServer.VllmEngine,
        _ => true,
    };

    private static bool Names(CapturedRequest call, string requestId) => call.Message.ToString()!.Contains(requestId, StringComparison.Ordinal);

    [Fact]
    public async Task Generate_SlowReader_IsNoSilentServer()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Enqueue(ScriptedReply.FromIds(10, 11, 12));
        await using var engine = Engines.Create(server.Endpoint, options => options.BetweenTokensTimeout = TimeSpan.FromSeconds(1));
        var received = new List<int>();

        await foreach (var update in engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2 } }))
        {
            received.AddRange(update.TokenIds.Span);

            // The reader is slower than the timeout allows for the server; the delay does not synchronize anything.
            await Task.Delay(1200, TestContext.Current.CancellationToken);
        }

        Assert.Equal([10, 11, 12], received.Take(3));
    }
}

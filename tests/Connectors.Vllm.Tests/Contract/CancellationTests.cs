using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>A call that is given up stops on the server, and says so with the caller's own token.</summary>
public sealed class CancellationTests
{
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(20);

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(41)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Token_AlreadyCancelled_NothingIsSent(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        using var source = new CancellationTokenSource();
        await source.CancelAsync();

        var whole =
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => served.Client.GetResponseAsync("Hi", cancellationToken: source.Token));
        var streamed = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => ReadAllAsync(served.Client.GetStreamingResponseAsync("Hi", cancellationToken: source.Token)));

        Assert.Equal(source.Token, whole.CancellationToken);
        Assert.Equal(source.Token, streamed.CancellationToken);
        Assert.Empty(served.Server.Requests);
    }

    [ContractPoint(42)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Token_CancelledInTheMiddle_ThrowsWithItAndTheServerStops(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(Endless());
        using var source = new CancellationTokenSource();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in served.Client.GetStreamingResponseAsync("Hi", cancellationToken: source.Token))
            {
                await source.CancelAsync();
            }
        });

        Assert.Equal(source.Token, error.CancellationToken);
        await StoppedAsync(served);
    }

    [ContractPoint(42)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Token_CancelledWhileAWholeResponseIsAwaited_ThrowsWithItAndTheServerStops(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(Endless());
        using var source = new CancellationTokenSource();
        var call = served.Client.GetResponseAsync("Hi", cancellationToken: source.Token);
        await served.Server.WaitForRequestAsync(SentGeneration.Is, Served.Cancel).WaitAsync(Hang, Served.Cancel);

        await source.CancelAsync();
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(Hang, Served.Cancel));

        Assert.Equal(source.Token, error.CancellationToken);
        await StoppedAsync(served);
    }

    [ContractPoint(43)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Break_OutOfTheEnumeration_StopsTheServer(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(Endless());

        await foreach (var update in served.Client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel))
        {
            if (update.Text.Length > 0)
            {
                break;
            }
        }

        await StoppedAsync(served);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Cancellation_OfOneCall_LeavesTheClientAndOtherCallsAlone(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply(request => new ScriptedReply { Text = "Fine.", Hold = null });
        served.Server.Enqueue(Endless());
        using var source = new CancellationTokenSource();
        var doomed = served.Client.GetResponseAsync("Hi", cancellationToken: source.Token);
        await served.Server.WaitForRequestAsync(SentGeneration.Is, Served.Cancel).WaitAsync(Hang, Served.Cancel);
        var other = served.AskAsync("Ho");

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => doomed);
        Assert.Equal("Fine.", (await other).Text);
        Assert.Equal("Fine.", (await served.AskAsync("Again")).Text);
    }

    [ContractPoint(44)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Deadline_ServerSilent_IsATimeoutExceptionNotACancellation(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client =>
        {
            client.Connection.FirstTokenTimeout = TimeSpan.FromMilliseconds(200);
            client.Connection.Retry.MaxRetries = 0;
        });
        served.Server.Enqueue(new ScriptedReply { Text = "never", Fault = ServerFault.After(0, FaultKind.Stall) });

        var error = await Assert.ThrowsAsync<VllmTimeoutException>(() => served.AskAsync("Hi").WaitAsync(Hang, Served.Cancel));

        Assert.Equal(nameof(VllmConnectionOptions.FirstTokenTimeout), error.Option);
    }

    [ContractPoint(45)]
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tokens_OfTheParameterAndOfWithCancellation_AreBothHeard(bool cancelParameter)
    {
        await using var served = await Served.StartAsync();
        served.Server.Enqueue(Endless());
        using var parameter = new CancellationTokenSource();
        using var enumeration = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in served.Client.GetStreamingResponseAsync("Hi", cancellationToken: parameter.Token)
                .WithCancellation(enumeration.Token))
            {
                await (cancelParameter ? parameter : enumeration).CancelAsync();
            }
        });

        await StoppedAsync(served);
    }

    [Fact]
    public async Task Token_CancelledWhileTheModelIsDiscovered_EndsTheWaitOnly()
    {
        await using var served = await Served.StartAsync();
        served.Server.FailNext("GetModelInfo", new ServerFault { Kind = FaultKind.Stall });
        using var source = new CancellationTokenSource();
        var call = served.Client.GetResponseAsync("Hi", cancellationToken: source.Token);
        await served.Server.WaitForRequestAsync("GetModelInfo", Served.Cancel).WaitAsync(Hang, Served.Cancel);

        await source.CancelAsync();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(Hang, Served.Cancel));
        Assert.Equal(source.Token, error.CancellationToken);
    }

    private static ScriptedReply Endless() => new()
    {
        Text = string.Join(' ', Enumerable.Repeat("word", 2000)),
        HoldAfterMessages = 4,
        Hold = new TaskCompletionSource().Task,
    };

    private static async Task StoppedAsync(Served served)
    {
        var request = served.Sent[0].Captured;
        await Task.WhenAny(request.Aborted, request.Cancelled).WaitAsync(Hang, Served.Cancel);
        await served.Server.WaitUntilIdleAsync(Served.Cancel).WaitAsync(Hang, Served.Cancel);
        Assert.Equal(0, served.Server.ActiveRequests);
        Assert.True(request.OutputTokens < 100);
    }

    private static async Task ReadAllAsync(IAsyncEnumerable<ChatResponseUpdate> updates)
    {
        await foreach (var update in updates)
        {
            Assert.NotNull(update);
        }
    }
}

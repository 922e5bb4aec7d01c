using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Grpc.Core;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>How an answer ends, and what is made of one that does not.</summary>
public sealed class FinishReasonTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    public static TheoryData<EmulatedServer, string, string> FinishReasons
    {
        get
        {
            var data = new TheoryData<EmulatedServer, string, string>();
            foreach (var protocol in (EmulatedServer[])[EmulatedServer.VllmEngine, EmulatedServer.Inference])
            {
                data.Add(protocol, "stop", "stop");
                data.Add(protocol, "length", "length");
            }

            data.Add(EmulatedServer.VllmEngine, "repetition", "repetition");
            return data;
        }
    }

    [ContractPoint(27)]
    [Theory]
    [MemberData(nameof(FinishReasons))]
    public async Task FinishReason_OfTheServer_IsTold(EmulatedServer protocol, string scripted, string expected)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(new ScriptedReply { Text = "Some words", FinishReason = scripted });

        var response = await served.AskAsync("Hi");

        Assert.Equal(expected, response.FinishReason?.Value);
        Assert.Equal("Some words", response.Text);
    }

    /// <summary>Nobody here asked for it: a server that goes away must not look as if it had finished.</summary>
    [ContractPoint(27)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task FinishReason_AbortThatNobodyAskedFor_IsAnExceptionWithThePartialAnswer(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply(new ScriptedReply { Text = "Some words", FinishReason = "abort" });
        var streamed = new List<ChatResponseUpdate>();

        var whole = await Assert.ThrowsAsync<VllmConnectionException>(() => served.AskAsync("Hi"));
        var stream = await Assert.ThrowsAsync<VllmConnectionException>(async () =>
        {
            await foreach (var update in served.Client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel))
            {
                streamed.Add(update);
            }
        });

        Assert.True(whole.IsRetryable);
        Assert.Equal("Some words", whole.PartialCompletion!.Text);
        Assert.Equal(served.Server.Tokenizer.Encode("Some words").Length, whole.PartialCompletion.CompletionTokens);
        Assert.Equal(served.Sent[0].RequestId, whole.PartialCompletion.RequestId);
        Assert.Equal("Some words", string.Concat(streamed.Select(update => update.Text)));
        Assert.All(streamed, update => Assert.Null(update.FinishReason));
        Assert.Equal(whole.PartialCompletion.CompletionTokens, stream.PartialCompletion!.CompletionTokens);
    }

    [ContractPoint(27)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task FinishReason_AbortByItsId_IsAbort(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(new ScriptedReply { Text = "Some words and more", HoldAfterMessages = 3, Hold = new TaskCompletionSource().Task });
        var engine = served.Client.GetRequiredService<IVllmEngine>();
        var updates = new List<ChatResponseUpdate>();

        await foreach (var update in served.Client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel))
        {
            updates.Add(update);
            if (updates.Count == 1)
            {
                await engine.AbortAsync([update.ResponseId!], Served.Cancel);
            }
        }

        Assert.Equal("abort", updates[^1].FinishReason?.Value);
    }

    [ContractPoint(27)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task FinishReason_MaxTokensReached_IsLengthEvenWithCalls(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        var text = TestTools.Hermes("now", "{}") + "\n" + TestTools.Hermes("now", "{}");
        var cut = served.Server.Tokenizer.Encode(text).Length - 4;
        served.Server.Enqueue(text);

        var response = await served.AskAsync("Hi", new ChatOptions { Tools = [TestTools.Now], MaxOutputTokens = cut });

        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>());
    }

    [ContractPoint(28)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task FinishReason_StreamEndsWithoutOne_IsAnErrorNotAnAnswer(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(new ScriptedReply { Text = "Some words that", Fault = ServerFault.After(2, FaultKind.EndEarly) });

        await Assert.ThrowsAsync<VllmProtocolException>(() => served.AskAsync("Hi"));
    }

    [ContractPoint(38)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Stream_EndsWithoutAnyMessage_IsAnErrorNotAnEmptyAnswer(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.Connection.Retry.MaxRetries = 0);
        served.Server.Enqueue(new ScriptedReply { Text = "Never said", Fault = ServerFault.After(0, FaultKind.EndEarly) });
        served.Server.Enqueue(new ScriptedReply { Text = "Never said", Fault = ServerFault.After(0, FaultKind.EndEarly) });

        await Assert.ThrowsAsync<VllmProtocolException>(() => served.AskAsync("Hi"));
        await Assert.ThrowsAsync<VllmProtocolException>(() => served.StreamAsync("Hi"));
    }
}

using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>One client, many callers.</summary>
public sealed class ConcurrencyTests
{
    private const int Callers = 64;

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Client_SixtyFourCallersAtOnce_EachGetsItsOwnAnswer(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply(request => $"<think>\nI saw {Number(served, request)}.\n</think>\n\nNumber {Number(served, request)}. "
            + TestTools.Hermes("get_weather", $"{{\"city\": \"{Number(served, request)}\"}}"));
        var options = new ChatOptions { Tools = [TestTools.Weather] };

        var responses = await Task.WhenAll(Enumerable.Range(0, Callers).Select(number => number % 2 == 0
            ? served.AskAsync($"Question {number}.", options)
            : StreamedAsync(served, $"Question {number}.", options)));

        for (var number = 0; number < Callers; number++)
        {
            Assert.Equal($"Number {number}.", responses[number].Text.Trim());
            Assert.Equal($"{number}", responses[number].Messages[0].Contents.OfType<FunctionCallContent>().Single().Arguments!["city"]!.ToString());
        }

        Assert.Equal(Callers, responses.Select(response => response.ResponseId).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Discovery_FirstCallsAllAtOnce_AsksTheServerOnce(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => served.AskAsync("Hi")));

        Assert.Equal(32, served.Sent.Count);
        Assert.Single(served.Server.Requests, request => request.Method.EndsWith("/GetModelInfo", StringComparison.Ordinal));
        Assert.InRange(served.Server.Requests.Count(request => request.Method.EndsWith("/GetTokenizer", StringComparison.Ordinal)), 0, 1);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Discovery_FailedOnce_IsTriedAgainByTheNextCall(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.Connection.Retry.MaxRetries = 0);
        served.Server.FailNext("GetModelInfo", ServerFault.Status(13, "not now"));

        await Assert.ThrowsAnyAsync<VllmException>(() => served.AskAsync("Hi"));
        var second = await served.AskAsync("Hi");

        Assert.Equal(ChatFinishReason.Stop, second.FinishReason);
    }

    [Fact]
    public async Task Discovery_NoServer_IsAConnectionErrorThatNamesTheAddress()
    {
        await using var client = new VllmChatClient(new VllmGrpcOptions
        {
            Endpoints = { new Uri("http://127.0.0.1:1") },
            Connection = { ConnectTimeout = TimeSpan.FromSeconds(5), Retry = { MaxRetries = 0 } },
        });

        var error = await Assert.ThrowsAsync<VllmConnectionException>(() => client.GetResponseAsync("Hi", cancellationToken: Served.Cancel));

        Assert.Contains("127.0.0.1:1", error.Message);
    }

    private static async Task<ChatResponse> StreamedAsync(Served served, string question, ChatOptions options) =>
        (await served.StreamAsync(question, options)).ToChatResponse();

    private static string Number(Served served, CapturedRequest request)
    {
        var prompt = served.Server.Tokenizer.Decode([.. request.PromptIds]);
        var start = prompt.LastIndexOf("Question ", StringComparison.Ordinal) + 9;
        return prompt[start..prompt.IndexOf('.', start)];
    }
}

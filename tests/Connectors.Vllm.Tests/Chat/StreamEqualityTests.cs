using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

/// <summary>A stream put together is the whole response, whatever the options, the reply and the way it is cut into messages.</summary>
public sealed class StreamEqualityTests
{
    private static readonly string[] Replies =
    [
        "Plain text with ünïcödé 漢字.", "<think>\nA thought.\n</think>\n\nAn answer.", "", "Stop here STOP not here", "{\"n\": 1}",
        "Text first.\n" + "<tool_call>\n{\"name\": \"get_time\", \"arguments\": {}}\n</tool_call>", "<tool_call>\n{\"name\": \"get_time\", \"argum",
    ];

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task GetResponse_RandomOptions_EqualsTheCollectedStream(EmulatedServer protocol)
    {
        var token = TestContext.Current.CancellationToken;
        await using var host = await ChatHost.StartAsync(protocol, client: options =>
        {
            options.ToolCallParser = "hermes";
            options.ReasoningParser = "qwen3";
        });
        var random = new Random(20261123);
        for (var round = 0; round < 60; round++)
        {
            var text = Replies[random.Next(Replies.Length)];
            var options = new ChatOptions
            {
                Temperature = 1,
                MaxOutputTokens = random.Next(3) == 0 ? random.Next(1, 12) : null,
                StopSequences = random.Next(2) == 0 ? ["STOP", "not"] : null,
                Tools = random.Next(2) == 0 ? [SampleTools.Weather, SampleTools.Time] : null,
                ChoiceCount = random.Next(4) == 0 ? 2 : null,
                Logprobs = random.Next(3) == 0 ? 1 : null,
                ReturnTokenIds = random.Next(3) == 0 ? true : null,
            };
            var whole = new ScriptedReply { Text = text, TokensPerMessage = random.Next(1, 6) };
            host.Server.Reply(whole);
            var collected = await host.Client.GetStreamingResponseAsync("Go.", options, token).ToChatResponseAsync(token);
            host.Server.Reply(whole with { TokensPerMessage = random.Next(1, 40) });
            var direct = await host.Client.GetResponseAsync("Go.", options, token);

            Assert.Equal(Describe(collected), Describe(direct));
        }
    }

    private static string Describe(ChatResponse response) =>
        string.Join('\n', response.Messages.SelectMany(message => message.Contents.Select(content => content switch
    {
        TextContent text => "text " + text.Text,
        TextReasoningContent thought => "thought " + thought.Text,
        FunctionCallContent call => $"call {call.Name} {call.Arguments?.Count}",
        _ => content.GetType().Name,
    }).Append($"logprobs {message.TokenLogprobs?.Count} ids {message.TokenIds?.Count} stop {message.StopReason}")))
        + $"\n{response.FinishReason} {response.Usage!.InputTokenCount} {response.Usage.OutputTokenCount} {response.Usage.ReasoningTokenCount}";
}

using System.Text;
using System.Text.Json;
using Connectors.Vllm.Testing;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.AgentFramework.Tests;

/// <summary>An agent of the Microsoft Agent Framework over our chat client, with nothing in between.</summary>
public sealed class ChatClientAgentTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task RunStreaming_Answer_EqualsRun(EmulatedServer protocol)
    {
        await using var host = await AgentHost.StartAsync(protocol);
        host.Server.Reply("<think>\nHm.\n</think>\n\nParis. 🗼");
        AIAgent agent = new ChatClientAgent(host.Client, instructions: "Be brief.");

        var whole = await agent.RunAsync("Capital of France?", cancellationToken: Token);
        var updates = await agent.RunStreamingAsync("Capital of France?", cancellationToken: Token).ToListAsync(Token);

        var streamed = updates.ToAgentResponse();
        Assert.Equal("Paris. 🗼", whole.Text);
        Assert.Equal(whole.Text, streamed.Text);
        Assert.Equal("Hm.", Assert.Single(whole.Messages[^1].Contents.OfType<TextReasoningContent>()).Text.Trim());
        Assert.Equal(whole.Usage!.OutputTokenCount, streamed.Usage!.OutputTokenCount);
        Assert.Equal(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nCapital of France?<|im_end|>\n<|im_start|>assistant\n", host.Prompts[0]);
        Assert.Equal(host.Prompts[0], host.Prompts[1]);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Run_ToolCall_RunsTheToolAndAnswers(EmulatedServer protocol)
    {
        await using var host = await AgentHost.StartAsync(protocol);
        host.Server.Enqueue(Call("""{"city": "Paris"}"""), "It is sunny.");
        var asked = new List<string>();
        AIAgent agent = new ChatClientAgent(host.Client, tools: [Weather(asked)]);

        var response = await agent.RunAsync("Weather in Paris?", cancellationToken: Token);

        Assert.Equal("It is sunny.", response.Text);
        Assert.Equal(["Paris"], asked);
        Assert.Contains("sunny in Paris", host.Prompts[1], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Session_TwoTurnsWithATool_ExtendsThePromptTheServerHas(EmulatedServer protocol)
    {
        await using var host = await AgentHost.StartAsync(protocol);
        host.Server.Enqueue(Call("""{"city":   "Z\u00fcrich"}"""), "It is sunny.", "Yes, in Zürich.");
        AIAgent agent = new ChatClientAgent(host.Client, tools: [Weather([])]);
        var session = await agent.CreateSessionAsync(Token);

        await agent.RunAsync("Weather in Zürich?", session, cancellationToken: Token);
        var second = new StringBuilder();
        await foreach (var update in agent.RunStreamingAsync("Sure?", session, cancellationToken: Token))
        {
            second.Append(update.Text);
        }

        Assert.Equal("Yes, in Zürich.", second.ToString());
        Assert.StartsWith(host.Prompts[0], host.Prompts[1], StringComparison.Ordinal);
        Assert.StartsWith(host.Prompts[1] + "It is sunny.", host.Prompts[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Session_SerializedBetweenTurns_KeepsTheConversation()
    {
        await using var host = await AgentHost.StartAsync(EmulatedServer.VllmEngine);
        host.Server.Enqueue("<think>\nHm.\n</think>\n\nHello Ann.", "Ann.");
        AIAgent agent = new ChatClientAgent(host.Client);
        var session = await agent.CreateSessionAsync(Token);
        await agent.RunAsync("I am Ann.", session, cancellationToken: Token);

        var saved = await agent.SerializeSessionAsync(session, cancellationToken: Token);
        var restored = await agent.DeserializeSessionAsync(saved, cancellationToken: Token);
        var response = await agent.RunAsync("Who am I?", restored, cancellationToken: Token);

        Assert.Equal("Ann.", response.Text);
        Assert.Contains("I am Ann.", host.Prompts[1], StringComparison.Ordinal);
        Assert.Contains("Hello Ann.", host.Prompts[1], StringComparison.Ordinal);
    }

    private static AIFunction Weather(List<string> asked) => AIFunctionFactory.Create(
        (string city) =>
        {
            asked.Add(city);
            return $"sunny in {city}";
        },
        "get_weather",
        "Tells the weather of a city.");

    private static string Call(string arguments) => $$"""
        <tool_call>
        {"name": "get_weather", "arguments": {{arguments}}}
        </tool_call>
        """;
}

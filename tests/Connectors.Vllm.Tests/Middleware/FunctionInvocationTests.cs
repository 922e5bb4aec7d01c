using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Middleware;

/// <summary>The function-invoking client of Microsoft.Extensions.AI on top of ours.</summary>
public sealed class FunctionInvocationTests
{
    private const string Answer = "It is noon and sunny.";

    private static readonly string Calls = TestTools.Hermes("now", "{}") + "\n" + TestTools.Hermes("get_weather", "{\"city\": \"Paris\"}");

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    public static MatrixTheoryData<EmulatedServer, bool> ProtocolsAndStreaming { get; } =
        new([EmulatedServer.VllmEngine, EmulatedServer.Inference], [true, false]);

    [ContractPoint(46)]
    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Loop_ToolsRequired_AreRequiredOnceThenTheAnswerIsFree(EmulatedServer protocol, bool streaming)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(Calls);
        served.Server.Enqueue(Answer);
        using var client = served.Client.AsBuilder().UseFunctionInvocation().Build();

        var response =
            await RunAsync(client, "Time and weather?",
                new ChatOptions { Tools = [TestTools.Weather, TestTools.Now], ToolMode = ChatToolMode.RequireAny }, streaming);

        Assert.Equal(Answer, response.Text);
        Assert.Equal([ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant], response.Messages.Select(message => message.Role));
        Assert.Equal([protocol == EmulatedServer.VllmEngine ? "structural_tag" : "grammar", ""], served.Sent.Select(sent => sent.Constraint));
        Assert.Contains("<tool_response>\n12:00\n</tool_response>", served.LastPrompt);
        Assert.Contains("1 sunny days in Paris", served.LastPrompt);
        Assert.Null(response.ConversationId);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Loop_Usage_IsTheSumOfTheRounds(EmulatedServer protocol, bool streaming)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(Calls);
        served.Server.Enqueue(Answer);
        using var client = served.Client.AsBuilder().UseFunctionInvocation().Build();

        var response = await RunAsync(client, "Time and weather?", new ChatOptions { Tools = [TestTools.Weather, TestTools.Now] }, streaming);

        var output = served.Server.Tokenizer.Encode(Calls).Length + 1 + served.Server.Tokenizer.Encode(Answer).Length + 1;
        Assert.Equal(served.Sent.Sum(sent => sent.PromptIds.Count), response.Usage!.InputTokenCount);
        Assert.Equal(output, response.Usage.OutputTokenCount);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Loop_ThoughtBeforeACall_IsKeptForTheNextRound(EmulatedServer protocol, bool streaming)
    {
        await using var served = await Served.StartAsync(protocol, server => server.ModelDirectory = EndToEnd.FormatModel.Hermes.Folder);
        served.Server.Enqueue("<think>\nI need the time.\n</think>\n\n" + TestTools.Hermes("now", "{}"));
        served.Server.Enqueue(Answer);
        using var client = served.Client.AsBuilder().UseFunctionInvocation().Build();

        var response = await RunAsync(client, "Time?", new ChatOptions { Tools = [TestTools.Now] }, streaming);

        Assert.Equal("I need the time.", response.Messages[0].Contents.OfType<TextReasoningContent>().Single().Text.Trim());
        int[] firstRound =
            [.. served.Sent[0].PromptIds,
                .. served.Server.Tokenizer.Encode("<think>\nI need the time.\n</think>\n\n" + TestTools.Hermes("now", "{}"))];
        Assert.Equal(firstRound, served.Sent[1].PromptIds.Take(firstRound.Length));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Loop_UnknownTool_IsToldToTheModel(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(TestTools.Hermes("erase_disk", "{}"));
        served.Server.Enqueue("Sorry.");
        using var client = served.Client.AsBuilder().UseFunctionInvocation().Build();

        var response = await RunAsync(client, "Hi", new ChatOptions { Tools = [TestTools.Now] }, streaming: true);

        Assert.Equal("Sorry.", response.Text);
        Assert.Contains("erase_disk", served.LastPrompt);
        Assert.Contains("<tool_response>\nError:", served.LastPrompt);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Loop_ArgumentsNoJson_InvokeNothing(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        var broken = TestTools.Hermes("count", "{\"by\": two}");
        served.Server.Enqueue(broken);
        var invoked = 0;
        var count = AIFunctionFactory.Create((int by = 1) => invoked += by, "count");
        using var client = served.Client.AsBuilder().UseFunctionInvocation().Build();

        var response = await RunAsync(client, "Hi", new ChatOptions { Tools = [count] }, streaming: true);

        Assert.Equal(broken, response.Text);
        Assert.Equal(0, invoked);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Loop_FunctionThatThrows_IsToldAndTheModelGoesOn(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(TestTools.Hermes("fail", "{}"));
        served.Server.Enqueue("It failed.");
        var fail = AIFunctionFactory.Create(string () => throw new InvalidOperationException("no such day"), "fail");
        using var client = served.Client.AsBuilder().UseFunctionInvocation(configure: invoking => invoking.IncludeDetailedErrors = true).Build();

        var response = await RunAsync(client, "Hi", new ChatOptions { Tools = [fail] }, streaming: false);

        Assert.Equal("It failed.", response.Text);
        Assert.Contains("no such day", served.LastPrompt);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Loop_ToolThatNeedsApproval_GoesOnWhenItIsGiven(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(TestTools.Hermes("now", "{}"));
        served.Server.Enqueue(Answer);
        using var client = served.Client.AsBuilder().UseFunctionInvocation().Build();
        var options = new ChatOptions { Tools = [new ApprovalRequiredAIFunction(TestTools.Now)] };
        List<ChatMessage> history = [new(ChatRole.User, "Time?")];

        var asked = await client.GetResponseAsync(history, options, Served.Cancel);
        history.AddMessages(asked);
        var request = Assert.Single(asked.Messages.SelectMany(message => message.Contents).OfType<ToolApprovalRequestContent>());
        history.Add(new ChatMessage(ChatRole.User, [request.CreateResponse(true)]));
        var answered = await client.GetResponseAsync(history, options, Served.Cancel);

        Assert.Equal(Answer, answered.Text);
        Assert.Contains(TestTools.Hermes("now", "{}"), served.LastPrompt);
        Assert.Contains("<tool_response>\n12:00\n</tool_response>", served.LastPrompt);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Loop_BrokenOff_StopsTheServer(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(TestTools.Hermes("now", "{}"));
        served.Server.Enqueue(
            new ScriptedReply
            { Text = string.Join(' ', Enumerable.Repeat("word", 2000)), HoldAfterMessages = 4, Hold = new TaskCompletionSource().Task });
        using var client = served.Client.AsBuilder().UseFunctionInvocation().Build();

        await foreach (var update in client.GetStreamingResponseAsync("Hi", new ChatOptions { Tools = [TestTools.Now] }, Served.Cancel))
        {
            if (update.Text.Length > 0)
            {
                break;
            }
        }

        await served.Server.WaitUntilIdleAsync(Served.Cancel).WaitAsync(TimeSpan.FromSeconds(20), Served.Cancel);
        Assert.True(served.LastSent.Captured.OutputTokens < 100);
    }

    private static async Task<ChatResponse> RunAsync(IChatClient client, string question, ChatOptions options, bool streaming) => streaming
        ? await client.GetStreamingResponseAsync(question, options, Served.Cancel).ToChatResponseAsync(Served.Cancel)
        : await client.GetResponseAsync(question, options, Served.Cancel);
}

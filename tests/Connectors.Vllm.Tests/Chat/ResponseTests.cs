using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

/// <summary>The responses of chat calls, on both protocols.</summary>
public sealed class ResponseTests
{
    private static readonly string Fire = char.ConvertFromUtf32(0x1F525);

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Streaming_EveryUpdate_CarriesIdsRoleModelAndTime(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        host.Server.Enqueue("One two three four.");

        var updates = await host.Client.GetStreamingResponseAsync("Count.", cancellationToken: Token).ToListAsync(Token);

        Assert.True(updates.Count > 2);
        Assert.All(updates, update =>
        {
            Assert.NotNull(update.ResponseId);
            Assert.Equal(updates[0].ResponseId, update.ResponseId);
            Assert.Equal(updates[0].MessageId, update.MessageId);
            Assert.Equal(ChatRole.Assistant, update.Role);
            Assert.Equal(TinyModel.Name, update.ModelId);
            Assert.NotNull(update.CreatedAt);
            Assert.Null(update.ConversationId);
            Assert.NotNull(update.RawRepresentation);
        });
        Assert.All(updates.SkipLast(1), update => Assert.Null(update.FinishReason));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
        Assert.Equal("One two three four.", string.Concat(updates.Select(update => update.Text)));
        var usage = Assert.Single(updates.SelectMany(update => update.Contents).OfType<UsageContent>()).Details;
        Assert.Equal(host.Generations[^1].PromptIds.Count, usage.InputTokenCount);
        Assert.Equal(usage.InputTokenCount + usage.OutputTokenCount, usage.TotalTokenCount);
        Assert.True(usage.OutputTokenCount > 0);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Reasoning_ThoughtThenText_AreSeparateContentsAndCounted(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol, client: options => options.ReasoningParser = "qwen3");
        host.Server.Enqueue("<think>\nLet me see.\n</think>\n\nParis.");

        var response = await host.Client.GetResponseAsync("Capital of France?", cancellationToken: Token);

        Assert.Equal("Paris.", response.Text);
        Assert.Equal("Let me see.", Assert.Single(response.Messages[0].Contents.OfType<TextReasoningContent>()).Text.Trim());
        Assert.InRange(response.Usage!.ReasoningTokenCount!.Value, 1, response.Usage.OutputTokenCount!.Value - 1);
    }

    [Fact]
    public async Task Reasoning_OutputNone_IsDropped()
    {
        await using var host = await ChatHost.StartAsync(client: options => options.ReasoningParser = "qwen3");
        host.Server.Enqueue("<think>\nHidden.\n</think>\n\nShown.");

        var response = await host.Client.GetResponseAsync(
            "Hi", new ChatOptions { Reasoning = new ReasoningOptions { Output = ReasoningOutput.None } }, Token);

        Assert.Equal("Shown.", response.Text);
        Assert.DoesNotContain(response.Messages[0].Contents, content => content is TextReasoningContent);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ToolCalls_TwoCalls_ComeWholeAndLast(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol, client: Hermes);
        host.Server.Enqueue(
            "I will look.\n" + SampleTools.Call("get_weather", """{"city": "Paris", "days": 2}""") + "\n" + SampleTools.Call("get_time", "{}"));

        var updates = await host.Client.GetStreamingResponseAsync("Weather?", WithTools(), Token).ToListAsync(Token);

        var response = updates.ToChatResponse();
        FunctionCallContent[] calls = [.. response.Messages[0].Contents.OfType<FunctionCallContent>()];
        Assert.Equal(["get_weather", "get_time"], calls.Select(call => call.Name));
        Assert.Equal("Paris", calls[0].Arguments!["city"]!.ToString());
        Assert.Empty(calls[1].Arguments!);
        Assert.NotEqual(calls[0].CallId, calls[1].CallId);
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        Assert.Contains("I will look.", response.Text, StringComparison.Ordinal);
        var firstCall = updates.FindIndex(update => update.Contents.OfType<FunctionCallContent>().Any());
        Assert.DoesNotContain(updates.Skip(firstCall), update => update.Contents.OfType<TextContent>().Any());
    }

    [Fact]
    public async Task ToolCalls_OnlyOneAllowed_LeavesTheServerAfterTheFirst()
    {
        await using var host = await ChatHost.StartAsync(client: Hermes);
        host.Server.Enqueue(
            SampleTools.Call("get_time", "{}") + "\n" + SampleTools.Call("get_time", "{}") + string.Concat(Enumerable.Repeat(" and so on", 50)));
        var options = WithTools();
        options.AllowMultipleToolCalls = false;

        var response = await host.Client.GetResponseAsync("Time?", options, Token);

        Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>());
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        Assert.NotNull(response.Usage);
    }

    [Fact]
    public async Task ToolCalls_InvalidArguments_AreText()
    {
        await using var host = await ChatHost.StartAsync(client: Hermes);
        host.Server.Enqueue("<tool_call>\n{\"name\": \"get_time\", \"arguments\": {broken}}\n</tool_call>");

        var response = await host.Client.GetResponseAsync("Time?", WithTools(), Token);

        Assert.DoesNotContain(response.Messages[0].Contents, content => content is FunctionCallContent);
        Assert.Contains("{broken}", response.Text, StringComparison.Ordinal);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
    }

    [Fact]
    public async Task ToolCalls_ModeNone_AreTextAndTheModelIsNotToldOfTools()
    {
        await using var host = await ChatHost.StartAsync(client: Hermes);
        host.Server.Enqueue("Well. " + SampleTools.Call("get_time", "{}"));
        var options = WithTools();
        options.ToolMode = ChatToolMode.None;

        var response = await host.Client.GetResponseAsync("Time?", options, Token);

        Assert.DoesNotContain(response.Messages[0].Contents, content => content is FunctionCallContent);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal("Well. " + SampleTools.Call("get_time", "{}"), response.Text);
        Assert.DoesNotContain("get_time", host.Server.Tokenizer.Decode([.. host.Generations[^1].PromptIds]), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task StopSequence_InText_IsCutAndReported(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        host.Server.Enqueue("alpha beta STOP gamma delta");

        var response = await host.Client.GetResponseAsync("Go.", new ChatOptions { StopSequences = ["STOP", ""] }, Token);

        Assert.Equal("alpha beta ", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal("STOP", response.Messages[0].StopReason);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Length_TokenLimit_IsReported(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        host.Server.Enqueue("one two three four five six seven eight nine ten");

        var response = await host.Client.GetResponseAsync("Go.", new ChatOptions { MaxOutputTokens = 3 }, Token);

        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Equal(3, response.Usage!.OutputTokenCount);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Text_CharactersOverSeveralTokens_AreNeverSplit(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        var text = "Ünïcödé 漢字 " + Fire + " done";
        host.Server.Enqueue(text);

        var updates = await host.Client.GetStreamingResponseAsync("Go.", cancellationToken: Token).ToListAsync(Token);

        Assert.Equal(text, string.Concat(updates.Select(update => update.Text)));
        Assert.All(updates, update => Assert.DoesNotContain('\uFFFD', update.Text));
        Assert.All(updates.Where(update => update.Text.Length > 0), update => Assert.False(char.IsLowSurrogate(update.Text[0])));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Choices_Three_AreThreeMessagesAlsoWhenStreamed(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        var reply = new ScriptedReply { Text = "first answer", Alternatives = ["second", "third one"] };
        var options = new ChatOptions { ChoiceCount = 3, Temperature = 1 };
        if (protocol == EmulatedServer.VllmEngine)
        {
            host.Server.Enqueue(reply, reply);
        }
        else
        {
            host.Server.Reply(reply);
        }

        var whole = await host.Client.GetResponseAsync("Go.", options, Token);
        var streamed = await host.Client.GetStreamingResponseAsync("Go.", options, Token).ToChatResponseAsync(Token);

        Assert.Equal(3, whole.Messages.Count);
        Assert.Equal(3, whole.Messages.Select(message => message.MessageId).Distinct().Count());
        Assert.Equal(whole.Messages.Select(message => message.Text), streamed.Messages.Select(message => message.Text));
        Assert.True(whole.Usage!.OutputTokenCount > 3);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Logprobs_Asked_ArriveOnTheMessage(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        host.Server.Enqueue("yes");

        var response = await host.Client.GetResponseAsync("Go.", new ChatOptions { Logprobs = 2, ReturnTokenIds = true }, Token);

        var logprobs = response.Messages[0].TokenLogprobs!;
        Assert.Equal(response.Usage!.OutputTokenCount, logprobs.Count);
        Assert.Equal(response.Messages[0].TokenIds, logprobs.Select(token => token.TokenId));
        Assert.Equal(host.Generations[^1].PromptIds, response.Messages[0].PromptTokenIds);
        Assert.All(logprobs, token => Assert.True(token.Logprob <= 0));
        Assert.All(logprobs, token => Assert.NotEmpty(token.Alternatives));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Schema_ValidAnswer_PassesThroughUnchanged(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        host.Server.Enqueue("""{"name":  "Paris", "n": 1.50}""");

        var response = await host.Client.GetResponseAsync("Go.", new ChatOptions { ResponseFormat = ChatResponseFormat.Json }, Token);

        Assert.Equal("""{"name":  "Paris", "n": 1.50}""", response.Text);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Schema_AnswerIsNoJson_ThrowsAndNamesTheConstraint(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        host.Server.Enqueue("Sorry, I cannot do that.");
        var options = new ChatOptions
        { ResponseFormat = ChatResponseFormat.ForJsonSchema(System.Text.Json.JsonDocument.Parse("""{"type":"object"}""").RootElement) };

        var error = await Assert.ThrowsAsync<VllmConstraintException>(() => host.Client.GetResponseAsync("Go.", options, Token));

        Assert.Contains("JsonSchema", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Empty_NoTokensButEos_IsAnEmptyAnswer(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        host.Server.Enqueue(string.Empty);

        var response = await host.Client.GetResponseAsync("Go.", cancellationToken: Token);

        Assert.Equal(string.Empty, response.Text);
        Assert.Single(response.Messages);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ServerError_MidStream_KeepsWhatCameAndThrows(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol, client: options => options.Connection.Retry.MaxRetries = 0);
        host.Server.Enqueue(ScriptedReply.Failing(ServerFault.After(3, FaultKind.DropConnection)));
        var text = new System.Text.StringBuilder();

        await Assert.ThrowsAnyAsync<VllmException>(async () =>
        {
            await foreach (var update in host.Client.GetStreamingResponseAsync("Go.", cancellationToken: Token))
            {
                text.Append(update.Text);
            }
        });

        Assert.StartsWith(text.ToString(), "This answer is about to fail, a few words in.", StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Cancel_MidStream_ThrowsWithCallersTokenAndStopsTheServer(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        var hold = new TaskCompletionSource();
        host.Server.Enqueue(new ScriptedReply { Text = "one two three four five six", HoldAfterMessages = 2, Hold = hold.Task });
        using var cancel = new CancellationTokenSource();

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in host.Client.GetStreamingResponseAsync("Go.", cancellationToken: cancel.Token))
            {
                await cancel.CancelAsync();
            }
        });

        Assert.Equal(cancel.Token, error.CancellationToken);
        await WhenStopped(host.Generations[^1]);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Break_MidStream_StopsTheServer(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        var hold = new TaskCompletionSource();
        host.Server.Enqueue(new ScriptedReply { Text = "one two three four five six", HoldAfterMessages = 2, Hold = hold.Task });

        await foreach (var update in host.Client.GetStreamingResponseAsync("Go.", cancellationToken: Token))
        {
            break;
        }

        await WhenStopped(host.Generations[^1]);
    }

    [Fact]
    public async Task Cancel_BeforeTheCall_SendsNothing()
    {
        await using var host = await ChatHost.StartAsync();
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();

        var error =
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => host.Client.GetResponseAsync("Go.", cancellationToken: cancel.Token));

        Assert.Equal(cancel.Token, error.CancellationToken);
        Assert.Empty(host.Server.Requests);
    }

    [Fact]
    public async Task WithCancellation_TokenOfTheEnumeration_IsHonoured()
    {
        await using var host = await ChatHost.StartAsync();
        var hold = new TaskCompletionSource();
        host.Server.Enqueue(new ScriptedReply { Text = "one two three", HoldAfterMessages = 1, Hold = hold.Task });
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in host.Client.GetStreamingResponseAsync("Go.", cancellationToken: Token).WithCancellation(cancel.Token))
            {
                await cancel.CancelAsync();
            }
        });
        await WhenStopped(host.Generations[^1]);
    }

    private static async Task WhenStopped(CapturedRequest request) =>
        await Task.WhenAny(request.Cancelled, request.Aborted).WaitAsync(TimeSpan.FromSeconds(30), Token);

    private static void Hermes(VllmGrpcOptions options) => options.ToolCallParser = "hermes";

    private static ChatOptions WithTools() => new() { Tools = [SampleTools.Weather, SampleTools.Time] };
}

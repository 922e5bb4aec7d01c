using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Grpc.Core;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>What a response and its updates look like.</summary>
public sealed class ResponseTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(5)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Response_Whole_HasIdsRoleModelTimeTextUsageAndReason(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, server => server.ServedModelName = "served");
        served.Server.Enqueue("Hello there.");
        var before = DateTimeOffset.UtcNow;

        var response = await served.AskAsync("Hi");

        var message = Assert.Single(response.Messages);
        Assert.Equal("Hello there.", response.Text);
        Assert.Equal(ChatRole.Assistant, message.Role);
        Assert.Equal(served.LastSent.RequestId, response.ResponseId);
        Assert.False(string.IsNullOrEmpty(message.MessageId));
        Assert.Equal("served", response.ModelId);
        Assert.InRange(response.CreatedAt!.Value, before.AddSeconds(-1), DateTimeOffset.UtcNow.AddSeconds(1));
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Null(response.ConversationId);
        Assert.Equal(served.LastSent.PromptIds.Count, response.Usage!.InputTokenCount);
    }

    [ContractPoint(6)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Updates_EachOne_CarriesIdsRoleModelAndTime(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue("<think>\nHm.\n</think>\n\nHello there, " + TestTools.Hermes("now", "{}"));

        var updates = await served.StreamAsync("Hi", new ChatOptions { Tools = [TestTools.Now] });

        Assert.True(updates.Count > 4);
        Assert.All(updates, update =>
        {
            Assert.Equal(served.LastSent.RequestId, update.ResponseId);
            Assert.Equal(updates[0].MessageId, update.MessageId);
            Assert.False(string.IsNullOrEmpty(update.MessageId));
            Assert.Equal(ChatRole.Assistant, update.Role);
            Assert.Equal(updates[0].ModelId, update.ModelId);
            Assert.False(string.IsNullOrEmpty(update.ModelId));
            Assert.NotNull(update.CreatedAt);
            Assert.Null(update.ConversationId);
        });
        Assert.All(updates[..^1], update => Assert.Null(update.FinishReason));
        Assert.Equal(ChatFinishReason.ToolCalls, updates[^1].FinishReason);
        Assert.Single(updates.SelectMany(update => update.Contents).OfType<UsageContent>());
    }

    [ContractPoint(29)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ToolCalls_NoneMade_IsAPlainAnswer(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue("No tool is needed.");

        var response = await served.AskAsync("Hi", new ChatOptions { Tools = [TestTools.Weather, TestTools.Now] });

        Assert.Equal("No tool is needed.", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Empty(response.Messages[0].Contents.OfType<FunctionCallContent>());
    }

    [ContractPoint(29)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ToolCalls_TwoWithTextBefore_ComeWholeLastAndOnce(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue("Let me look. " + TestTools.Hermes("get_weather", "{\"city\": \"Paris\"}") + "\n" + TestTools.Hermes("now", "{}"));

        var updates = await served.StreamAsync("Hi", new ChatOptions { Tools = [TestTools.Weather, TestTools.Now] });

        List<AIContent> contents = [.. updates.SelectMany(update => update.Contents)];
        List<FunctionCallContent> calls = [.. contents.OfType<FunctionCallContent>()];
        Assert.Equal(["get_weather", "now"], calls.Select(call => call.Name));
        Assert.Equal("Paris", calls[0].Arguments!["city"]!.ToString());
        Assert.Empty(calls[1].Arguments!);
        Assert.Equal(2, calls.Select(call => call.CallId).Distinct().Count());
        Assert.True(contents.FindIndex(content => content is FunctionCallContent) > contents.FindLastIndex(content => content is TextContent));
        Assert.Equal("Let me look.", string.Concat(updates.Select(update => update.Text)).TrimEnd());
    }

    [ContractPoint(29)]
    [Fact]
    public async Task ToolCalls_InterleavedWithText_LoseNothing()
    {
        await using var served = await Served.StartAsync();
        served.Server.Enqueue("One " + TestTools.Hermes("now", "{}") + " two " + TestTools.Hermes("get_weather", "{\"city\": \"X\"}") + " three");

        var response = await served.AskAsync("Hi", new ChatOptions { Tools = [TestTools.Weather, TestTools.Now] });

        Assert.Equal(["now", "get_weather"], response.Messages[0].Contents.OfType<FunctionCallContent>().Select(call => call.Name));
        Assert.Equal("One  two  three", response.Text);
    }

    [ContractPoint(29)]
    [Fact]
    public async Task ToolCalls_ArgumentsNoJson_AreTextByDefaultAndAMarkedCallByOption()
    {
        var broken = TestTools.Hermes("get_weather", "{\"city\": Paris}");
        await using var asText = await Served.StartAsync();
        await using var asCall = await Served.StartAsync(client: client => client.ReturnMalformedToolCalls = true);
        asText.Server.Enqueue(broken);
        asCall.Server.Enqueue(broken);
        var options = new ChatOptions { Tools = [TestTools.Weather] };

        var text = await asText.AskAsync("Hi", options);
        var call = await asCall.AskAsync("Hi", options);

        Assert.Equal(broken, text.Text);
        Assert.Equal(ChatFinishReason.Stop, text.FinishReason);
        var marked = Assert.Single(call.Messages[0].Contents.OfType<FunctionCallContent>());
        Assert.NotNull(marked.Exception);
        Assert.Null(marked.Arguments);
    }

    [ContractPoint(29)]
    [Fact]
    public async Task ToolCalls_OfAnUnknownTool_AreHandedOutAndByOptionAreText()
    {
        var unknown = TestTools.Hermes("erase_disk", "{}");
        await using var lenient = await Served.StartAsync();
        await using var strict = await Served.StartAsync(client: client => client.ValidateToolNames = true);
        lenient.Server.Enqueue(unknown);
        strict.Server.Enqueue(unknown);

        var first = await lenient.AskAsync("Hi", new ChatOptions { Tools = [TestTools.Now] });
        var second = await strict.AskAsync("Hi", new ChatOptions { Tools = [TestTools.Now] });

        Assert.Equal("erase_disk", Assert.Single(first.Messages[0].Contents.OfType<FunctionCallContent>()).Name);
        Assert.Equal(unknown, second.Text);
    }

    [ContractPoint(29)]
    [Fact]
    public async Task GetResponse_ToolCalls_IdsAreUniqueOverTheWholeHistory()
    {
        await using var served = await Served.StartAsync();
        served.Server.Reply(TestTools.Hermes("now", "{}") + "\n" + TestTools.Hermes("now", "{}"));
        var history = new List<ChatMessage> { new(ChatRole.User, "Hi") };
        var options = new ChatOptions { Tools = [TestTools.Now] };

        for (var round = 0; round < 5; round++)
        {
            var response = await served.AskAsync(history, options);
            history.AddMessages(response);
            history.Add(
                new ChatMessage(ChatRole.Tool,
                    [.. response.Messages[0].Contents.OfType<FunctionCallContent>().Select(call => new FunctionResultContent(call.CallId, "noon"))]));
        }

        List<string> ids = [.. history.SelectMany(message => message.Contents).OfType<FunctionCallContent>().Select(call => call.CallId)];
        Assert.Equal(10, ids.Count);
        Assert.Equal(10, ids.Distinct().Count());
    }

    [ContractPoint(31)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Reasoning_ThenText_AreTwoContentsAndTextHasNoThought(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue("<think>\nThe user greets.\n</think>\n\nHello.");

        var response = await served.AskAsync("Hi");

        Assert.Equal("Hello.", response.Text);
        Assert.Equal("The user greets.", response.Messages[0].Contents.OfType<TextReasoningContent>().Single().Text.Trim());
        Assert.IsType<TextReasoningContent>(response.Messages[0].Contents[0]);
    }

    [ContractPoint(31)]
    [Fact]
    public async Task Reasoning_OnlyOrCutAtLength_IsReasoningNotText()
    {
        await using var served = await Served.StartAsync();
        served.Server.Enqueue("<think>\nOnly a thought.\n</think>");
        served.Server.Enqueue(new ScriptedReply { Text = "<think>\nA thought that never", FinishReason = "length" });

        var only = await served.AskAsync("Hi");
        var cut = await served.AskAsync("Hi");

        Assert.Equal("", only.Text);
        Assert.Equal("Only a thought.", Thought(only));
        Assert.Equal("", cut.Text);
        Assert.Equal("A thought that never", Thought(cut));
        Assert.Equal(ChatFinishReason.Length, cut.FinishReason);

        static string Thought(ChatResponse response) =>
            string.Concat(response.Messages.SelectMany(message => message.Contents).OfType<TextReasoningContent>()).Trim();
    }

    [Fact]
    public async Task Reasoning_OutputNone_IsDroppedButCounted()
    {
        await using var served = await Served.StartAsync();
        served.Server.Enqueue("<think>\nThe user greets.\n</think>\n\nHello.");

        var response = await served.AskAsync("Hi", new ChatOptions { Reasoning = new ReasoningOptions { Output = ReasoningOutput.None } });

        Assert.Empty(response.Messages[0].Contents.OfType<TextReasoningContent>());
        Assert.True(response.Usage!.ReasoningTokenCount > 0);
    }

    [ContractPoint(32)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task GetResponse_Usage_CountsPromptOutputCachedAndReasoningTokensOnce(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        const string Thought = "\nThe user greets.\n";
        const string Text = "<think>" + Thought + "</think>\n\nHello.";
        served.Server.Enqueue(new ScriptedReply { Text = Text, CachedTokens = 5 });

        var response = await served.AskAsync("Hi");

        var output = served.Server.Tokenizer.Encode(Text).Length + 1;
        Assert.Equal(served.LastSent.PromptIds.Count, response.Usage!.InputTokenCount);
        Assert.Equal(output, response.Usage.OutputTokenCount);
        Assert.Equal(served.LastSent.PromptIds.Count + output, response.Usage.TotalTokenCount);
        Assert.Equal(5, response.Usage.CachedInputTokenCount);
        Assert.Equal(served.Server.Tokenizer.Encode(Thought).Length, response.Usage.ReasoningTokenCount);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Usage_SecondTurnOfAConversation_ReportsThePrefixTheServerHadCached(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        var question = string.Join(' ', Enumerable.Repeat("A long question with many words.", 12));
        served.Server.Reply("Short.");
        var first = await served.AskAsync(question);

        var second = await served.AskAsync([new(ChatRole.User, question), .. first.Messages, new(ChatRole.User, "And?")]);

        Assert.Equal(0, first.Usage!.CachedInputTokenCount);
        Assert.True(second.Usage!.CachedInputTokenCount >= first.Usage.InputTokenCount / 16 * 16);
    }

    [ContractPoint(33)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Answer_OfNoTokensAtAll_IsAnEmptyMessage(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue("");

        var response = await served.AskAsync("Hi");

        Assert.Equal("", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal(1, response.Usage!.OutputTokenCount);
        Assert.Single(response.Messages);
    }

    [ContractPoint(34)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Text_MultiByteCharactersSplitOverTokens_NeverShowReplacementCharacters(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        const string Text = "Grüße 漢字 👩‍👩‍👧‍👦 🇫🇷 ẞ ﷽ 😀 konec";
        served.Server.Enqueue(Text);

        var updates = await served.StreamAsync("Hi");

        Assert.All(updates, update => Assert.DoesNotContain('\uFFFD', update.Text));
        Assert.All(updates,
            update => Assert.False(update.Text.Length > 0 && (char.IsLowSurrogate(update.Text[0]) || char.IsHighSurrogate(update.Text[^1]))));
        Assert.Equal(Text, string.Concat(updates.Select(update => update.Text)));
    }

    [ContractPoint(35)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task StopSequence_InTheAnswer_IsCutOutAndNamed(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Reply("One two three four five");

        var updates = await served.StreamAsync("Hi", new ChatOptions { StopSequences = ["ree fo"] });
        var response = updates.ToChatResponse();

        Assert.Equal("One two th", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal("ree fo", response.Messages[0].StopReason);
    }

    [ContractPoint(35)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task StopSequence_InTheMessageThatReachesTheLimit_IsAStopHoweverItIsPacked(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        var options = new ChatOptions { StopSequences = ["ree fo"], MaxOutputTokens = served.Server.Tokenizer.Encode("One two three four").Length };
        var responses = new List<ChatResponse>();
        foreach (var size in (int[])[1, 2, 3, 100])
        {
            served.Server.Enqueue(new ScriptedReply { Text = "One two three four five", TokensPerMessage = size });
            responses.Add(await served.AskAsync("Hi", options));
        }

        Assert.All(responses, response =>
        {
            Assert.Equal("One two th", response.Text);
            Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
            Assert.Equal("ree fo", response.Messages[0].StopReason);
            Assert.Equal(responses[0].Usage!.OutputTokenCount, response.Usage!.OutputTokenCount);
        });
    }

    [ContractPoint(36)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task RawRepresentation_OfUpdatesAndResponse_IsThere(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);

        var updates = await served.StreamAsync("Hi");
        var response = await served.AskAsync("Hi");

        Assert.All(updates, update => Assert.IsType<GenerationUpdate>(update.RawRepresentation));
        Assert.NotNull(response.RawRepresentation);
    }

    [ContractPoint(37)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ServerError_BeforeTheFirstToken_IsAVllmExceptionWithItsWords(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.Connection.Retry.MaxRetries = 0);
        served.Server.Enqueue(ScriptedReply.Failing(ServerFault.Status(3, "temperature must be sensible")));

        var error = await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync("Hi"));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal("temperature must be sensible", error.ServerMessage);
        Assert.Equal(served.LastSent.RequestId, error.RequestId);
    }

    [ContractPoint(37)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ServerError_InTheMiddle_LeavesTheUpdatesBeforeIt(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(new ScriptedReply { Text = "One two three four", Fault = ServerFault.Status(13, "it broke", afterMessages: 5) });
        var updates = new List<ChatResponseUpdate>();

        await Assert.ThrowsAsync<VllmException>(async () =>
        {
            await foreach (var update in served.Client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel))
            {
                updates.Add(update);
            }
        });

        Assert.StartsWith("One", string.Concat(updates.Select(update => update.Text)));
    }

    [ContractPoint(39)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task GetStreamingResponse_Updates_AreNeverNullAndTerminalMessageIsNotRepeated(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        served.Server.Enqueue(new ScriptedReply { Text = "One two three.", MessageSizes = [0, 2, 0, 100] });

        var updates = await served.StreamAsync("Hi");

        Assert.All(updates, Assert.NotNull);
        Assert.Equal("One two three.", string.Concat(updates.Select(update => update.Text)));
    }

    [ContractPoint(40)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task StructuredOutput_JsonOfASchema_IsReturnedCharacterByCharacter(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = "none");
        const string Json = "{\"name\":  \"Z\\u00fcrich\",\n \"size\": 1.50}";
        const string Schema =
            """{"type":"object","properties":{"name":{"type":"string","minLength":1},"size":{"type":"number"}},"required":["name","size"]}""";
        served.Server.Enqueue(Json);

        var response = await served.AskAsync("Hi", new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema(System.Text.Json.JsonDocument.Parse(Schema).RootElement),
        });

        Assert.Equal(Json, response.Text);
        Assert.Equal(Schema, served.LastSent.SchemaAlone);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task StructuredOutput_AnswerNoJson_IsAConstraintErrorNotAnAnswer(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: client => client.ReasoningParser = "none");
        served.Server.Enqueue("Sure! Here is your JSON: {");

        var error = await Assert.ThrowsAsync<VllmConstraintException>(
            () => served.AskAsync("Hi", new ChatOptions { ResponseFormat = ChatResponseFormat.Json }));

        Assert.Contains("JSON", error.Message);
    }
}

using System.Text.Json;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>Conversations with tools in the big formats, from the raw words of the model to the next prompt.</summary>
public sealed class ToolConversationTests
{
    public static TheoryData<string, EmulatedServer, bool> Formats
    {
        get
        {
            var data = new TheoryData<string, EmulatedServer, bool>();
            foreach (var model in FormatModel.All)
            {
                data.Add(model.Name, EmulatedServer.VllmEngine, true);
                data.Add(model.Name, EmulatedServer.Inference, false);
            }

            return data;
        }
    }

    public static TheoryData<string, EmulatedServer, ConstraintStart> Answers
    {
        get
        {
            var data = new TheoryData<string, EmulatedServer, ConstraintStart>();
            foreach (var model in FormatModel.All)
            {
                foreach (var start in new[] { ConstraintStart.FirstToken, ConstraintStart.AfterReasoning })
                {
                    data.Add(model.Name, EmulatedServer.VllmEngine, start);
                    data.Add(model.Name, EmulatedServer.Inference, start);
                }
            }

            return data;
        }
    }

    public static TheoryData<string> Names => new(FormatModel.All.Select(model => model.Name));

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task TwoRounds_ParallelCalls_AreRunAndTheirResultsReachTheModel(string format, EmulatedServer protocol, bool streaming)
    {
        var model = FormatModel.ByName(format);
        await using var served = await StartAsync(model, protocol);
        served.Server.Enqueue(new ScriptedReply { Text = model.Thought + model.TwoCalls, TokensPerMessage = 3 });
        served.Server.Enqueue(model.BeforeAnswer + "It is noon, and sunny for two days.");

        (var last, var history) = await ToolLoop.RunAsync(
            served.Client, [new(ChatRole.User, "Time and weather?")], new ChatOptions { Tools = [TestTools.Weather, TestTools.Now] }, streaming,
            Served.Cancel);

        List<FunctionCallContent> calls = [.. history.SelectMany(message => message.Contents).OfType<FunctionCallContent>()];
        Assert.Equal(["get_weather", "now"], calls.Select(call => call.Name));
        Assert.Equal("""{"city":"Paris","days":2}""", JsonSerializer.Serialize(calls[0].Arguments, AIJsonUtilities.DefaultOptions)
            .ReplaceLineEndings("").Replace(" ", ""));
        Assert.Empty(calls[1].Arguments!);
        Assert.NotEqual(calls[0].CallId, calls[1].CallId);
        Assert.Equal("", history[1].Text.Trim());
        Assert.Equal(
            model.Thought.Length > 0, history[1].Contents.OfType<TextReasoningContent>().Any(thought => thought.Text.Trim() == "Two tools fit."));
        Assert.Equal("It is noon, and sunny for two days.", last.Text);
        Assert.Equal(ChatFinishReason.Stop, last.FinishReason);
        Assert.Equal(2, served.Sent.Count);
        Assert.All(model.ResultsInPrompt, result => Assert.Contains(result, served.LastPrompt));
    }

    [ContractPoint(49)]
    [Theory]
    [MemberData(nameof(Names))]
    public async Task SecondRound_AfterCalls_BeginsWithThePromptAndWordsOfTheFirst(string format)
    {
        var model = FormatModel.ByName(format);
        await using var served = await StartAsync(model, EmulatedServer.VllmEngine);
        served.Server.Enqueue(model.Thought + model.TwoCalls);
        served.Server.Enqueue(model.BeforeAnswer + "Noon.");

        await ToolLoop.RunAsync(
            served.Client, [new(ChatRole.User, "Time and weather?")], new ChatOptions { Tools = [TestTools.Weather, TestTools.Now] },
            streaming: false, Served.Cancel);

        int[] seen = [.. served.Sent[0].PromptIds, .. served.Server.Tokenizer.Encode(model.Thought + model.TwoCalls)];
        Assert.Equal(served.Server.Tokenizer.Decode(seen), served.Server.Tokenizer.Decode([.. served.Sent[1].PromptIds.Take(seen.Length)]));
        Assert.Equal(seen, served.Sent[1].PromptIds.Take(seen.Length));
    }

    [ContractPoint(49)]
    [Theory]
    [MemberData(nameof(Names))]
    public async Task SecondTurn_AfterAnAnswer_BeginsWithThePromptOfTheFirst(string format)
    {
        var model = FormatModel.ByName(format);
        await using var served = await StartAsync(model, EmulatedServer.VllmEngine);
        served.Server.Reply(model.BeforeAnswer + "Hello.");
        var history = new List<ChatMessage> { new(ChatRole.User, "Hi") };
        history.AddMessages(await served.AskAsync(history));
        history.Add(new ChatMessage(ChatRole.User, "And?"));

        await served.AskAsync(history);

        int[] seen = [.. served.Sent[0].PromptIds, .. served.Server.Tokenizer.Encode(model.BeforeAnswer + "Hello.")];
        Assert.Equal(seen, served.Sent[1].PromptIds.Take(seen.Length));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task ToolChoice_AutoNoneRequiredNamed_ConstrainOnlyWhereNeeded(string format)
    {
        var model = FormatModel.ByName(format);
        await using var served = await StartAsync(model, EmulatedServer.VllmEngine);
        served.Server.Reply(model.TwoCalls);
        ChatOptions With(ChatToolMode? mode) => new() { Tools = [TestTools.Weather, TestTools.Now], ToolMode = mode };

        var auto = await served.AskAsync("Hi", With(ChatToolMode.Auto));
        var none = await served.AskAsync("Hi", With(ChatToolMode.None));
        await served.AskAsync("Hi", With(ChatToolMode.RequireAny));
        await served.AskAsync("Hi", With(ChatToolMode.RequireSpecific("now")));

        Assert.Equal(ChatFinishReason.ToolCalls, auto.FinishReason);
        Assert.Empty(none.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>());
        Assert.Contains("get_weather", none.Text);
        Assert.DoesNotContain("get_weather", served.Server.Tokenizer.Decode([.. served.Sent[1].PromptIds], skipSpecialTokens: false));
        Assert.Equal("", served.Sent[0].Constraint);
        Assert.Equal("", served.Sent[1].Constraint);
        Assert.All(served.Sent.Skip(2), sent => Assert.Equal("structural_tag", sent.Constraint));
        Assert.Contains("get_weather", served.Sent[2].ConstraintText);
        Assert.DoesNotContain("get_weather", served.Sent[3].ConstraintText);

        // Some formats mark arguments only, and the named tool has none.
        var mark = JsonEncodedText.Encode(model.TagMark!, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
        Assert.Contains(mark, served.Sent[2].ConstraintText);
        Assert.Contains("now", served.Sent[3].ConstraintText);
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Schema_AfterAThought_IsConstrainedWhereTheServerStarts(string format, EmulatedServer protocol, ConstraintStart start)
    {
        const string Schema = """{"type":"object","properties":{"city":{"type":"string","minLength":2}},"required":["city"]}""";
        const string Json = "{\"city\": \"Paris\"}";
        var model = FormatModel.ByName(format);
        await using var served = await Served.StartAsync(
            protocol,
            server =>
            {
                server.ModelDirectory = model.Folder;
                server.ConstraintStart = start;
                server.ReasoningParser = start == ConstraintStart.AfterReasoning ? model.ReasoningParser : "";
            },
            client => client.ReasoningParser = format == "harmony" ? null : model.ReasoningParser);
        served.Server.Enqueue(new ScriptedReply { Text = model.AnswerThought + Json, TokensPerMessage = 3 });
        var options = new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse(Schema).RootElement),
            Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High },
        };

        var response = (await served.StreamAsync("Where?", options)).ToChatResponse();

        Assert.Equal(Json, response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal(
            "Paris, surely.",
            string.Concat(response.Messages.SelectMany(message => message.Contents).OfType<TextReasoningContent>().Select(thought => thought.Text))
            .Trim());
        var text = served.LastSent.ConstraintText;
        if (start == ConstraintStart.AfterReasoning)
        {
            Assert.Equal(Schema, served.LastSent.SchemaAlone);
            return;
        }

        if (protocol == EmulatedServer.Inference)
        {
            Assert.Equal("grammar", served.LastSent.Constraint);
            Assert.Contains(Schema[..^1], text);
            return;
        }

        Assert.Equal("structural_tag", served.LastSent.Constraint);
        Assert.InRange(text.IndexOf(model.ThoughtEnd, StringComparison.Ordinal), 0, text.IndexOf("minLength", StringComparison.Ordinal));
        Assert.Contains(Schema, text);
    }

    [Fact]
    public async Task ToolChoice_UnknownName_IsAnArgumentErrorBeforeAnythingIsSent()
    {
        await using var served = await Served.StartAsync();

        var error = await Assert.ThrowsAsync<ArgumentException>(
            () => served.AskAsync("Hi", new ChatOptions { Tools = [TestTools.Now], ToolMode = ChatToolMode.RequireSpecific("fly") }));

        Assert.Contains("fly", error.Message);
        Assert.Empty(served.Sent);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task AllowMultipleToolCalls_False_HandsOutOneCallAndStopsTheServer(string format)
    {
        var model = FormatModel.ByName(format);
        await using var served = await StartAsync(model, EmulatedServer.VllmEngine);
        served.Server.Reply(
            new ScriptedReply
            { Text = model.TwoCalls + string.Concat(Enumerable.Repeat(" and so on", 500)), DelayPerMessage = TimeSpan.FromMilliseconds(1) });

        var response = await served.AskAsync("Hi", new ChatOptions { Tools = [TestTools.Weather, TestTools.Now], AllowMultipleToolCalls = false });

        Assert.Equal("get_weather", Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>()).Name);
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        var request = served.LastSent.Captured;
        await Task.WhenAny(request.Aborted, request.Cancelled).WaitAsync(TimeSpan.FromSeconds(20), Served.Cancel);
        Assert.True(request.OutputTokens < 500);
    }

    private static Task<Served> StartAsync(FormatModel model, EmulatedServer protocol) =>
        Served.StartAsync(protocol, server => server.ModelDirectory = model.Folder);
}

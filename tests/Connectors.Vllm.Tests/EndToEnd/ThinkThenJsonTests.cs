using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>A schema does not take a model's thought away, whichever way the server begins its constraints.</summary>
public sealed class ThinkThenJsonTests
{
    private const string Schema = """{"type":"object","properties":{"city":{"type":"string","minLength":2}},"required":["city"]}""";
    private const string Json = "{\"city\": \"Paris\"}";

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Schema_ServerConstrainsFromTheFirstToken_GetsATagWithTheThoughtFirst(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol, ConstraintStart.FirstToken);
        served.Server.Enqueue("<think>\nParis, surely.\n</think>\n\n" + Json);

        var response = await served.AskAsync("Where?", Options());

        Assert.Equal(Json, response.Text);
        Assert.Contains(response.Messages[0].Contents, content => content is TextReasoningContent);
        Assert.Equal(protocol == EmulatedServer.VllmEngine ? "structural_tag" : "grammar", served.LastSent.Constraint);
        var text = served.LastSent.ConstraintText;
        Assert.InRange(text.IndexOf("think>", StringComparison.Ordinal), 0, protocol == EmulatedServer.VllmEngine
            ? text.IndexOf("minLength", StringComparison.Ordinal)
            : text.Length);
        Assert.Contains("minLength", text);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Schema_ServerConstrainsAfterTheThought_GetsTheBareSchema(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol, ConstraintStart.AfterReasoning);
        served.Server.Enqueue("<think>\nParis, surely.\n</think>\n\n" + Json);

        var response = await served.AskAsync("Where?", Options());

        Assert.Equal(Json, response.Text);
        Assert.Equal(Schema, served.LastSent.SchemaAlone);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Schema_ThinkingSwitchedOff_IsBareAndThePromptClosesTheThought(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol, ConstraintStart.FirstToken);
        served.Server.Enqueue(Json);
        var options = Options();
        options.Reasoning = new ReasoningOptions { Effort = ReasoningEffort.None };

        var response = await served.AskAsync("Where?", options);

        Assert.Equal(Json, response.Text);
        Assert.EndsWith("<think>\n\n</think>\n\n", served.LastPrompt);
        Assert.Equal(Schema, served.LastSent.SchemaAlone);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Schema_TogetherWithTools_AllowsACallOrTheAnswer(EmulatedServer protocol)
    {
        await using var served = await StartAsync(protocol, ConstraintStart.FirstToken);
        served.Server.Enqueue("<think>\nAsk.\n</think>\n\n" + TestTools.Hermes("now", "{}"));
        served.Server.Enqueue("<think>\nNoon.\n</think>\n\n" + Json);
        var options = Options();
        options.Tools = [TestTools.Now];

        (var last, _) = await ToolLoop.RunAsync(served.Client, [new(ChatRole.User, "Where?")], options, streaming: true, Served.Cancel);

        Assert.Equal(Json, last.Text);
        Assert.All(served.Sent, sent => Assert.Equal(protocol == EmulatedServer.VllmEngine ? "structural_tag" : "grammar", sent.Constraint));
        Assert.All(served.Sent, sent => Assert.Contains("minLength", sent.ConstraintText));
        Assert.All(served.Sent, sent => Assert.Contains("tool_call", sent.ConstraintText));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Schema_DemoModelOnEitherKindOfServer_AnswersAThoughtAndJson(EmulatedServer protocol)
    {
        foreach (var start in new[] { ConstraintStart.FirstToken, ConstraintStart.AfterReasoning })
        {
            await using var served = await StartAsync(protocol, start);

            var response = await served.AskAsync("Where?", Options());

            using var answer = JsonDocument.Parse(response.Text);
            Assert.True(answer.RootElement.GetProperty("city").GetString()!.Length >= 2);
        }
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Schema_PromptOpensAThoughtNoTagCanHold_TheFirstTokenBelongsToTheAnswer(EmulatedServer protocol)
    {
        var folder = TinyModel.WriteTo(Directory.CreateTempSubdirectory("response-template-").FullName);
        File.WriteAllText(
            Path.Combine(folder, "chat_template.jinja"),
            "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor "
                + "%}<|im_start|>assistant\n<muse>\n");
        var config = Path.Combine(folder, "tokenizer_config.json");
        var settings = JsonNode.Parse(File.ReadAllText(config))!.AsObject();
        settings.Remove("chat_template");
        settings["response_template"] = JsonNode.Parse(
            """{"start_anchor": "<|im_start|>assistant\n", "fields": {"thinking": {"open": "<muse>", "close": "</muse>"}, "content": {}}}""");
        File.WriteAllText(config, settings.ToJsonString());
        await using var served = await Served.StartAsync(
            protocol,
            server => (server.ModelDirectory, server.ConstraintStart) = (folder, ConstraintStart.FirstToken),
            client => (client.ToolCallParser, client.ReasoningParser) = ("hf", "hf"));
        served.Server.Enqueue(Json);
        served.Server.Enqueue("Hm.</muse>Paris");

        var constrained = await served.AskAsync("Where?", Options());
        var free = await served.AskAsync("Where?");

        Assert.Equal(Schema, served.Sent[0].SchemaAlone);
        Assert.Equal(Json, constrained.Text);
        Assert.DoesNotContain(constrained.Messages[0].Contents, content => content is TextReasoningContent);
        Assert.Equal("Paris", free.Text);
        Assert.Contains(free.Messages[0].Contents, content => content is TextReasoningContent { Text: var thought } && thought.Trim() == "Hm.");
    }

    [Fact]
    public async Task Schema_AnswerCutAtLength_IsHandedOutWithItsReason()
    {
        await using var served = await StartAsync(EmulatedServer.VllmEngine, ConstraintStart.FirstToken);
        served.Server.Enqueue(new ScriptedReply { Text = "{\"city\": \"Par", FinishReason = "length" });

        var response = await served.AskAsync("Where?", Options());

        Assert.Equal("{\"city\": \"Par", response.Text);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
    }

    [Fact]
    public async Task Schema_ServerWaitsForAThoughtThatNeverComes_IsAConstraintError()
    {
        await using var served = await StartAsync(EmulatedServer.VllmEngine, ConstraintStart.AfterReasoning);
        served.Server.Enqueue("It is Paris, of course.");

        await Assert.ThrowsAsync<VllmConstraintException>(() => served.AskAsync("Where?", Options()));
    }

    [Theory]
    [InlineData(false, "{\"city\": \"Paris\"} and more", "not valid JSON")]
    [InlineData(false, "{\"city\": \"Par", "not valid JSON")]
    [InlineData(false, "", "empty")]
    [InlineData(false, "<think>\nParis.\n</think>\n\n", "empty")]
    [InlineData(false, "<think>\nParis.\n</think>\n\nParis", "not valid JSON")]
    [InlineData(true, "[1, 2]", "not a JSON object")]
    [InlineData(true, "\"Paris\"", "not a JSON object")]
    public async Task Json_BrokenAnswerOfAServerThatSaysStop_IsNeverCalledFinished(bool anyObject, string answer, string problem)
    {
        foreach (var protocol in new[] { EmulatedServer.VllmEngine, EmulatedServer.Inference })
        {
            await using var served = await StartAsync(protocol, ConstraintStart.FirstToken);
            served.Server.Reply(answer);
            var options = anyObject ? new ChatOptions { ResponseFormat = ChatResponseFormat.Json } : Options();

            var whole = await Assert.ThrowsAsync<VllmConstraintException>(() => served.AskAsync("Where?", options));
            var updates = new List<ChatResponseUpdate>();
            var streamed = await Assert.ThrowsAsync<VllmConstraintException>(async () =>
            {
                await foreach (var update in served.Client.GetStreamingResponseAsync("Where?", options, Served.Cancel))
                {
                    updates.Add(update);
                }
            });

            Assert.Contains(problem, whole.Message);
            Assert.Equal(whole.Message, streamed.Message);
            Assert.DoesNotContain(updates, update => update.FinishReason is not null);
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("<think>\nParis.\n</think>\n\n {\"a\": [1]} \n")]
    public async Task Json_AnyObject_IsChecked(string answer)
    {
        await using var served = await StartAsync(EmulatedServer.VllmEngine, ConstraintStart.FirstToken);
        served.Server.Reply(answer);

        var response = await served.AskAsync("Where?", new ChatOptions { ResponseFormat = ChatResponseFormat.Json });

        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        using var json = JsonDocument.Parse(response.Text);
    }

    [Fact]
    public async Task Json_ThoughtCutAtLength_IsHandedOutWithItsReason()
    {
        await using var served = await StartAsync(EmulatedServer.VllmEngine, ConstraintStart.FirstToken);
        served.Server.Enqueue(new ScriptedReply { Text = "<think>\nParis, I", FinishReason = "length" });

        var response = await served.AskAsync("Where?", Options());

        Assert.Equal(("", ChatFinishReason.Length), (response.Text, response.FinishReason));
    }

    private static ChatOptions Options() => new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse(Schema).RootElement) };

    private static Task<Served> StartAsync(EmulatedServer protocol, ConstraintStart start) => Served.StartAsync(protocol, server =>
    {
        server.ConstraintStart = start;
        server.ReasoningParser = start == ConstraintStart.AfterReasoning ? "qwen3" : "";
    });
}

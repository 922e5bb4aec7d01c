using System.Text.Json;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>Any history becomes a prompt; the prompts are those of the small model's template.</summary>
public sealed class MessageTests
{
    private const string Open = "<|im_start|>assistant\n";

    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(14)]
    [Fact]
    public async Task Instructions_WithSystemMessages_ComeFirstAndJoinTheFirstOne() =>
        Assert.Equal(
            "<|im_start|>system\nInstructions.\nFirst.<|im_end|>\n<|im_start|>system\nSecond.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n" + Open,
            await PromptAsync(
                [new(ChatRole.System, "First."), new(ChatRole.System, "Second."), new(ChatRole.User, "Hi")],
                new ChatOptions { Instructions = "Instructions." }));

    [ContractPoint(14)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Instructions_WithoutMessages_AreAConversation(EmulatedServer protocol) =>
        Assert.Equal(
            "<|im_start|>system\nSay hello.<|im_end|>\n" + Open, await PromptAsync([], new ChatOptions { Instructions = "Say hello." }, protocol));

    [ContractPoint(14)]
    [Fact]
    public async Task Messages_NoneAndNoInstructions_IsAnArgumentErrorThatSaysSo()
    {
        await using var served = await Served.StartAsync();

        var error = await Assert.ThrowsAsync<ArgumentException>(() => served.AskAsync([]));

        Assert.Contains("Instructions", error.Message);
    }

    [Fact]
    public async Task GetResponse_Messages_AreEnumeratedOnce()
    {
        await using var served = await Served.StartAsync();
        var enumerations = 0;
        IEnumerable<ChatMessage> Lazily()
        {
            enumerations++;
            yield return new ChatMessage(ChatRole.User, "Hi");
        }

        await served.AskAsync(Lazily(), new ChatOptions { Instructions = "Be kind." });

        Assert.Equal(1, enumerations);
    }

    [ContractPoint(15)]
    [Theory]
    [InlineData(ChatTemplates.ChatContentFormat.String, "One.\nTwo.")]
    [InlineData(ChatTemplates.ChatContentFormat.OpenAI, "One.Two.")]
    public async Task System_SeveralParts_AreOneTextOrAListAsTheTemplateWants(ChatTemplates.ChatContentFormat format, string expected)
    {
        await using var served = await Served.StartAsync(client: client => client.ContentFormat = format);

        await served.AskAsync(
            [new(ChatRole.System, [new TextContent("One."), new TextContent(""), new TextContent("Two.")]), new(ChatRole.User, "Hi")]);

        Assert.Equal($"<|im_start|>system\n{expected}<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n{Open}", served.LastPrompt);
    }

    [ContractPoint(16)]
    [Fact]
    public async Task Contents_EmptyInEachRole_AreEmptyTurns() =>
        Assert.Equal(
            "<|im_start|>system\n<|im_end|>\n<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n"
            + "<|im_start|>user\n<tool_response>\n\n</tool_response><|im_end|>\n<|im_start|>user\n<|im_end|>\n" + Open,
            await PromptAsync(
                [new(ChatRole.System, []), new(ChatRole.User, []), new(ChatRole.Assistant, []), new(ChatRole.Tool, []),
                    new(ChatRole.User, [new TextContent("")])]));

    [ContractPoint(17, 18)]
    [Fact]
    public async Task Assistant_TextAndCalls_KeepTheirOrder() =>
        Assert.Equal(
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nLet me see.\n"
            + TestTools.Hermes("get_weather", "{\"city\": \"Paris\", \"days\": 2}") + "\n" + TestTools.Hermes("now", "{}") + "<|im_end|>\n"
            + "<|im_start|>user\n<tool_response>\nsunny\n</tool_response>\n<tool_response>\nnoon\n</tool_response><|im_end|>\n" + Open,
            await PromptAsync(
            [
                new(ChatRole.User, "Hi"),
                new(ChatRole.Assistant,
                [
                    new TextContent("Let me see."),
                    new FunctionCallContent("1", "get_weather", new Dictionary<string, object?> { ["city"] = "Paris", ["days"] = 2 }),
                    new FunctionCallContent("2", "now"),
                ]),
                new(ChatRole.Tool, [new FunctionResultContent("1", "sunny"), new FunctionResultContent("2", "noon")]),
            ]));

    public static TheoryData<string, string> ResultKinds => new()
    {
        { "string", "plain text" },
        { "null", "" },
        { "number", "42" },
        { "boolean", "true" },
        { "object", "{\"city\":\"Paris\",\"days\":[1,2]}" },
        { "own type", "{\"city\":\"Paris\",\"days\":2}" },
        { "json string", "as text" },
        { "dictionary", "{\"a\":1}" },
        { "content", "from a content" },
        { "contents", "one\ntwo" },
        { "failed", "Error: Exception while invoking function. it broke" },
        { "exception", "Error: Exception while invoking function. it broke" },
        { "json null", "" },
        { "message", "one\ntwo" },
        { "response", "three" },
        { "type", "System.Version" },
        { "stream", "Error: The function returned a value that cannot be shown (MemoryStream)." },
        { "loop", "Error: The function returned a value that cannot be shown (Loop)." },
        { "error content", "Error: no such city" },
        { "image", "Error: The function returned image/png content, which cannot be shown to this model." },
        { "json data", "{\"a\":1}" },
        { "page", "https://example.org/page" },
    };

    [ContractPoint(18)]
    [Theory]
    [MemberData(nameof(ResultKinds))]
    public async Task ToolResult_OfAnyKind_IsReadable(string kind, string expected)
    {
        var result = new FunctionResultContent("1", kind switch
        {
            "string" => "plain text",
            "number" => 42,
            "boolean" => true,
            "object" => JsonDocument.Parse("{\"city\":\"Paris\",\"days\":[1,2]}").RootElement,
            "own type" => new Forecast("Paris", 2),
            "json string" => JsonDocument.Parse("\"as text\"").RootElement,
            "dictionary" => new Dictionary<string, object?> { ["a"] = 1 },
            "content" => new TextContent("from a content"),
            "exception" => new InvalidOperationException("it broke"),
            "json null" => JsonDocument.Parse("null").RootElement,
            "message" => new ChatMessage(ChatRole.Assistant, [new TextContent("one"), new TextContent("two")]),
            "response" => new ChatResponse(new ChatMessage(ChatRole.Assistant, "three")),
            "type" => typeof(Version),
            "stream" => new MemoryStream([1, 2]),
            "loop" => new Loop(),
            "error content" => new ErrorContent("no such city"),
            "image" => new DataContent(new byte[] { 1 }, "image/png"),
            "json data" => new DataContent("{\"a\":1}"u8.ToArray(), "application/json"),
            "page" => new UriContent("https://example.org/page", "text/html"),
            "contents" => new List<AIContent> { new TextContent("one"), new TextContent("two") },
            _ => null,
        })
        {
            Exception = kind == "failed" ? new InvalidOperationException("it broke") : null,
        };

        var prompt = await PromptAsync(
            [new(ChatRole.User, "Hi"), new(ChatRole.Assistant, [new FunctionCallContent("1", "now")]), new(ChatRole.Tool, [result])]);

        Assert.Contains($"\n<tool_response>\n{expected}\n</tool_response>", prompt);
    }

    [ContractPoint(19)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task History_CallWithoutResultAndResultWithoutCall_AreTaken(EmulatedServer protocol)
    {
        var prompt = await PromptAsync(
            [
                new(ChatRole.User, "Hi"),
                new(ChatRole.Assistant, [new FunctionCallContent("1", "now")]),
                new(ChatRole.User, "Never mind."),
                new(ChatRole.Tool, [new FunctionResultContent("unknown", "late")]),
            ], protocol: protocol);

        Assert.Contains(TestTools.Hermes("now", "{}"), prompt);
        Assert.Contains("<tool_response>\nlate\n</tool_response>", prompt);
    }

    [ContractPoint(20)]
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reasoning_InHistory_ReachesTheTemplateUnlessSwitchedOff(bool sent)
    {
        await using var served = await Served.StartAsync(client: client =>
        {
            client.SendReasoningHistory = sent;
            client.ChatTemplate = "{% for m in messages %}[{{ m.role }}|{{ m.reasoning_content | default('none') }}|{{ m.content }}]{% endfor %}";
        });

        await served.AskAsync(
            [new(ChatRole.User, "Hi"), new(ChatRole.Assistant, [new TextReasoningContent("Hm."), new TextContent("Hello.")]),
                new(ChatRole.User, "Go on")]);

        Assert.Contains(sent ? "[assistant|Hm.|Hello.]" : "[assistant|none|Hello.]", served.LastPrompt);
    }

    [ContractPoint(21)]
    [Fact]
    public async Task GetResponse_AuthorName_ReachesTheTemplate()
    {
        await using var served = await Served.StartAsync(
            client: client => client.ChatTemplate = "{% for m in messages %}{{ m.name | default('?') }}: {{ m.content }}\n{% endfor %}");

        await served.AskAsync([new(ChatRole.User, "Hi") { AuthorName = "Ada" }, new(ChatRole.User, "Ho")]);

        Assert.Equal("Ada: Hi\n?: Ho\n", served.LastPrompt);
    }

    [ContractPoint(22)]
    [Fact]
    public async Task Role_UnknownToTheTemplateSource_IsPassedOnAndDeveloperBecomesSystem()
    {
        await using var served =
            await Served.StartAsync(client: client => client.ChatTemplate = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");

        await served.AskAsync([new(new ChatRole("critic"), "Hm."), new(ChatRole.User, "Hi")]);
        await served.AskAsync([new(new ChatRole("developer"), "Be brief."), new(ChatRole.User, "Hi")]);

        Assert.Equal("critic: Hm.\nuser: Hi\n", served.Server.Tokenizer.Decode([.. served.Sent[0].PromptIds]));
        Assert.Equal("system: Be brief.\nuser: Hi\n", served.LastPrompt);
    }

    [ContractPoint(23)]
    [Fact]
    public async Task Content_OfNoUse_IsSkipped() =>
        Assert.Equal(
            "<|im_start|>user\nHi<|im_end|>\n" + Open,
            await PromptAsync([new(ChatRole.User, [new ErrorContent("oops"), new TextContent("Hi"), new UsageContent(new UsageDetails())])]));

    [ContractPoint(24)]
    [Fact]
    public async Task Content_ThatNoModelTakes_IsRefusedByNameAndNothingIsSent()
    {
        await using var served = await Served.StartAsync(server: options => options.AcceptsMedia = true);

        var pdf = await Assert.ThrowsAsync<NotSupportedException>(() =>
            served.AskAsync([new(ChatRole.User, [new DataContent(new byte[] { 1 }, "application/pdf")])]));

        Assert.Contains("application/pdf", pdf.Message);
        Assert.Empty(served.Sent);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task History_AssistantFirstAndSameRoleInARow_IsTakenByALenientTemplate(EmulatedServer protocol) =>
        Assert.Equal(
            "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>assistant\nAnyone?<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>user\nB<"
                + "|im_end|>\n" + Open,
            await PromptAsync(
                [new(ChatRole.Assistant, "Hello."), new(ChatRole.Assistant, "Anyone?"), new(ChatRole.User, "A"), new(ChatRole.User, "B")],
                protocol: protocol));

    [Fact]
    public async Task History_AStrictTemplateRefuses_IsMergedIntoTurns()
    {
        await using var served = await Served.StartAsync(client: client => client.ChatTemplate =
            "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif "
                + "%}[{{ m.role }}]{{ m.content }}{% endfor %}");

        await served.AskAsync([new(ChatRole.User, "A"), new(ChatRole.User, "B"), new(ChatRole.Assistant, "C"), new(ChatRole.User, "D")]);

        Assert.Equal("[user]A\n\nB[assistant]C[user]D", served.LastPrompt);
    }

    [Fact]
    public async Task GetResponse_Tools_DeclarationsAreRenderedAndHostedToolsAreSkipped()
    {
        var prompt =
            await PromptAsync([new(ChatRole.User, "Hi")], new ChatOptions { Tools = [TestTools.Declared, new HostedWebSearchTool(), TestTools.Now] });

        Assert.Contains("\"name\": \"look_up\", \"description\": \"Looks something up.\"", prompt);
        Assert.Contains("\"name\": \"now\"", prompt);
        Assert.DoesNotContain("web_search", prompt);
    }

    public static TheoryData<string> Holes => ["message", "content", "role"];

    [Theory]
    [MemberData(nameof(Holes))]
    public async Task Message_WithAHole_IsNamedByItsIndex(string hole)
    {
        await using var served = await Served.StartAsync();
        var broken = hole switch
        {
            "message" => null!,
            "content" => new ChatMessage(ChatRole.User, [new TextContent("Hi"), null!]),
            _ => new ChatMessage(default, "Hi"),
        };

        var exception = await Assert.ThrowsAsync<ArgumentException>(() => served.AskAsync([new(ChatRole.User, "Hi"), broken]));

        Assert.Contains("index 1", exception.Message, StringComparison.Ordinal);
        Assert.Empty(served.Sent);
    }

    private sealed record Forecast(string City, int Days);

    private sealed class Loop
    {
        public Loop Itself => this;
    }

    private static async Task<string> PromptAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, EmulatedServer protocol = EmulatedServer.VllmEngine)
    {
        await using var served = await Served.StartAsync(protocol);
        await served.AskAsync(messages, options);
        return served.LastPrompt;
    }
}

using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>
/// Conversations that began with another provider: what it ran itself becomes calls and results, and what has no place in a prompt is named in the
/// log.
/// </summary>
public sealed class ForeignHistoryTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    public static TheoryData<string, string> HostedTools => new()
    {
        { "mcp", Turn("find", """{"q": "x"}""", "found\n2 pages") },
        { "code", Turn("code_interpreter", """{"code": "print(1)"}""", "1") },
        { "search", Turn("web_search", """{"queries": ["vllm"]}""", "https://example.org/page") },
        { "image", Turn("image_generation", "{}", "Error: The function returned image/png content, which cannot be shown to this model.") },
    };

    [Theory]
    [MemberData(nameof(HostedTools))]
    public async Task HostedTool_CallAndResultInOneMessage_AreATurnOfTheirOwn(string tool, string expected)
    {
        AIContent[] contents = tool switch
        {
            "mcp" =>
            [
                new McpServerToolCallContent("c1", "find", "server") { Arguments = new Dictionary<string, object?> { ["q"] = "x" } },
                new McpServerToolResultContent("c1") { Outputs = [new TextContent("found"), new TextContent("2 pages")] },
            ],
            "code" =>
            [
                new CodeInterpreterToolCallContent("c1") { Inputs = [new DataContent("print(1)"u8.ToArray(), "text/x-python")] },
                new CodeInterpreterToolResultContent("c1") { Outputs = [new TextContent("1")] },
            ],
            "search" =>
            [
                new WebSearchToolCallContent("c1") { Queries = ["vllm"] },
                new WebSearchToolResultContent("c1") { Outputs = [new UriContent("https://example.org/page", "text/html")] },
            ],
            _ => [new ImageGenerationToolCallContent("c1"),
                new ImageGenerationToolResultContent("c1") { Outputs = [new DataContent(new byte[] { 1 }, "image/png")] }],
        };

        var prompt = await PromptAsync([new(ChatRole.User, "Hi"), new(ChatRole.Assistant, [.. contents, new TextContent("Done.")])]);

        Assert.Contains(expected + "<|im_start|>assistant\nDone.<|im_end|>\n", prompt);
    }

    [Theory]
    [InlineData(false, "Error: The call was rejected by the user. Too dear.")]
    [InlineData(true, null)]
    public async Task Approvals_WithoutTheirCalls_AreTheCallAndARejection(bool approved, string? result)
    {
        var request =
            new ToolApprovalRequestContent("r1", new FunctionCallContent("c1", "buy", new Dictionary<string, object?> { ["what"] = "car" }));

        var prompt = await PromptAsync(
            [new(ChatRole.User, "Buy"), new(ChatRole.Assistant, [request]), new(ChatRole.User, [request.CreateResponse(approved, "Too dear.")]),
                new(ChatRole.User, "And?")]);

        Assert.Contains("{\"name\": \"buy\", \"arguments\": {\"what\": \"car\"}}", prompt);
        Assert.Equal(result is not null, prompt.Contains($"\n<tool_response>\n{result}\n</tool_response>", StringComparison.Ordinal));
        Assert.DoesNotContain("<|im_start|>user\n<|im_end|>", prompt);
    }

    [Fact]
    public async Task Approvals_BesideTheCallTheyAreAbout_AddNothing()
    {
        var call = new FunctionCallContent("c1", "buy");
        var request = new ToolApprovalRequestContent("r1", call);

        var prompt = await PromptAsync(
            [new(ChatRole.User, "Buy"), new(ChatRole.Assistant, [request, call]), new(ChatRole.User, [request.CreateResponse(false)]),
                new(ChatRole.Tool, [new FunctionResultContent("c1", "no")])]);

        Assert.Equal(2, prompt.Split("\"buy\"").Length);
        Assert.Equal(2, prompt.Split("<tool_response>").Length);
    }

    [Fact]
    public async Task Refusal_OfTheAssistant_IsWhatItSaid() =>
        Assert.Contains(
            "<|im_start|>assistant\nI can't.<|im_end|>",
            await PromptAsync([new(ChatRole.User, "Hi"), new(ChatRole.Assistant, [new ErrorContent("I can't.") { ErrorCode = "Refusal" }])]));

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Contents_WithoutAPlaceInAPrompt_AreNamedInOneLogLineOfTheRequest(EmulatedServer protocol)
    {
        var log = new ListLoggerFactory();
        await using var served = await Served.StartAsync(protocol);
        await using var client = new VllmChatClient(Served.OptionsFor(served.Server, protocol), log);

        await client.GetResponseAsync(
            [
                new(ChatRole.User,
                    [new TextContent("Hi"), new HostedFileContent("a"), new HostedFileContent("b"), new UsageContent(new UsageDetails())]),
                new(ChatRole.Tool,
                    [new FunctionResultContent("1", new List<AIContent> { new TextContent("ok"), new HostedVectorStoreContent("v") })]),
            ],
            cancellationToken: Served.Cancel);

        var line = Assert.Single(log.Entries, entry => entry.Id.Id == 10);
        Assert.Equal(LogLevel.Information, line.Level);
        Assert.EndsWith(": 2 × HostedFileContent, UsageContent, HostedVectorStoreContent", line.Text);
    }

    /// <summary>Every kind of content there is: what of it stands in the prompt, or null when it is named in the log.</summary>
    private static readonly Dictionary<Type, (ChatRole Role, AIContent Content, string? Printed)> Kinds = new()
    {
        [typeof(TextContent)] = (ChatRole.User, new TextContent("Saidword"), "Saidword"),
        [typeof(TextReasoningContent)] = (ChatRole.Assistant, new TextReasoningContent("Thoughtword"), string.Empty),
        [typeof(DataContent)] = (ChatRole.User, new DataContent("Dataword"u8.ToArray(), "text/csv"), "Dataword"),
        [typeof(UriContent)] = (ChatRole.Tool, new FunctionResultContent("c1", new UriContent("https://a.example/Uriword", "text/html")), "Uriword"),
        [typeof(ErrorContent)] = (ChatRole.Assistant, new ErrorContent("Errorword"), null),
        [typeof(UsageContent)] = (ChatRole.Assistant, new UsageContent(new UsageDetails()), null),
        [typeof(HostedFileContent)] = (ChatRole.User, new HostedFileContent("Fileword"), null),
        [typeof(HostedVectorStoreContent)] = (ChatRole.User, new HostedVectorStoreContent("Storeword"), null),
        [typeof(FunctionCallContent)] = (ChatRole.Assistant, new FunctionCallContent("c1", "Callword"), "Callword"),
        [typeof(FunctionResultContent)] = (ChatRole.Tool, new FunctionResultContent("c1", "Resultword"), "Resultword"),
        [typeof(ToolCallContent)] = (ChatRole.Assistant, new ToolCallContent("c1"), null),
        [typeof(ToolResultContent)] = (ChatRole.Tool, new ToolResultContent("c1"), null),
        [typeof(ToolApprovalRequestContent)] =
            (ChatRole.Assistant, new ToolApprovalRequestContent("r1", new FunctionCallContent("c1", "Askedword")), "Askedword"),
        [typeof(ToolApprovalResponseContent)] = (
            ChatRole.User,
            new ToolApprovalResponseContent("r1", false, new FunctionCallContent("c1", "Asked")) { Reason = "Deniedword" }, "Deniedword"),
        [typeof(McpServerToolCallContent)] = (ChatRole.Assistant, new McpServerToolCallContent("c1", "Mcpword", "server"), "Mcpword"),
        [typeof(McpServerToolResultContent)] =
            (ChatRole.Assistant, new McpServerToolResultContent("c1") { Outputs = [new TextContent("Mcpresult")] }, "Mcpresult"),
        [typeof(CodeInterpreterToolCallContent)] =
            (ChatRole.Assistant, new CodeInterpreterToolCallContent("c1") { Inputs = [new TextContent("Codeword")] }, "Codeword"),
        [typeof(CodeInterpreterToolResultContent)] =
            (ChatRole.Assistant, new CodeInterpreterToolResultContent("c1") { Outputs = [new TextContent("Coderesult")] }, "Coderesult"),
        [typeof(ImageGenerationToolCallContent)] = (ChatRole.Assistant, new ImageGenerationToolCallContent("c1"), "image_generation"),
        [typeof(ImageGenerationToolResultContent)] = (
            ChatRole.Assistant, new ImageGenerationToolResultContent("c1") { Outputs = [new DataContent(new byte[] { 1 }, "image/png")] },
            "Error: The function returned image/png content"),
        [typeof(WebSearchToolCallContent)] = (ChatRole.Assistant, new WebSearchToolCallContent("c1") { Queries = ["Queryword"] }, "Queryword"),
        [typeof(WebSearchToolResultContent)] = (
            ChatRole.Assistant, new WebSearchToolResultContent("c1") { Outputs = [new UriContent("https://a.example/Foundword", "text/html")] },
            "Foundword"),
    };

    [Fact]
    public void Contents_EveryKindOfTheFramework_IsAmongThem() => Assert.DoesNotContain(
        typeof(AIContent).Assembly.GetExportedTypes(),
        type => type.IsSubclassOf(typeof(AIContent)) && type.GetConstructors().Length > 0 && !Kinds.ContainsKey(type));

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Contents_OfEachKind_AreInThePromptOrNamedInTheLog(EmulatedServer protocol)
    {
        var log = new ListLoggerFactory();
        await using var served = await Served.StartAsync(protocol);
        await using var client = new VllmChatClient(Served.OptionsFor(served.Server, protocol), log);
        foreach (var (kind, (role, content, printed)) in Kinds)
        {
            log.Entries.Clear();

            await client.GetResponseAsync([new(ChatRole.User, "Hi"), new(role, [content]), new(ChatRole.User, "Go on")], null, Served.Cancel);

            var named = log.Entries.Where(entry => entry.Id.Id == 10).ToList();
            if (printed is null)
            {
                Assert.EndsWith($": {kind.Name}", Assert.Single(named).Text, StringComparison.Ordinal);
            }
            else
            {
                Assert.Contains(printed, served.LastPrompt, StringComparison.Ordinal);
                Assert.Empty(named);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Message_NullOrWithoutARoleOrWithANullContent_IsRefusedWithItsIndex(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        foreach (var (wrong, said) in new (ChatMessage?, string)[]
        {
            (null, "at index 1 of the conversation is null"),
            (new ChatMessage(default, "Hi"), "at index 1 of the conversation has no role"),
            (new ChatMessage(ChatRole.User, [new TextContent("Hi"), null!]), "at index 1 of the conversation contains a null content (at index 1)"),
        })
        {
            var exception = await Assert.ThrowsAnyAsync<ArgumentException>(() => served.AskAsync([new(ChatRole.User, "Hi"), wrong!]));

            Assert.Contains(said, exception.Message, StringComparison.Ordinal);
        }

        Assert.Empty(served.Sent);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ToolModeNone_ModelCallsAllTheSame_OneWarningSaysSoAndTheTextIsShown(EmulatedServer protocol)
    {
        var log = new ListLoggerFactory();
        await using var served = await Served.StartAsync(protocol);
        await using var client = new VllmChatClient(Served.OptionsFor(served.Server, protocol), log);
        var text = "I could look. " + SampleTools.Call("get_time", "{}");
        served.Server.Reply(text);

        var response = await client.GetResponseAsync(
            "Time?", new ChatOptions { Tools = [SampleTools.Time], ToolMode = ChatToolMode.None }, Served.Cancel);

        Assert.Equal(text, response.Text);
        Assert.DoesNotContain("get_time", served.LastPrompt, StringComparison.Ordinal);
        var line = Assert.Single(log.Entries, entry => entry.Id.Name == "CallsShownAsText");
        Assert.Equal(LogLevel.Warning, line.Level);
    }

    [Fact]
    public async Task ToolResult_OfContentsThatWereSaved_IsReadAsContents()
    {
        var saved = System.Text.Json.JsonSerializer.SerializeToElement<IList<AIContent>>(
            [new TextContent("Resone"), new TextContent("Restwo")], AIJsonUtilities.DefaultOptions);
        var unknown = System.Text.Json.JsonElement.Parse("""{"$type":"car","wheels":4}""");

        var prompt = await PromptAsync(
        [
            new(ChatRole.User, "Hi"), new(ChatRole.Assistant, [new FunctionCallContent("1", "one"), new FunctionCallContent("2", "two")]),
            new(ChatRole.Tool, [new FunctionResultContent("1", saved), new FunctionResultContent("2", unknown)]),
        ]);

        Assert.Contains("<tool_response>\nResone\nRestwo\n</tool_response>", prompt);
        Assert.Contains("<tool_response>\n{\"$type\":\"car\",\"wheels\":4}\n</tool_response>", prompt);
    }

    [Fact]
    public async Task Translate_CallersMessages_AreNotChanged()
    {
        var message = new ChatMessage(ChatRole.User, [new TextContent("Hi"), new UsageContent(new UsageDetails())]);
        var contents = message.Contents;

        await PromptAsync([message]);

        Assert.Same(contents, message.Contents);
        Assert.Equal(2, contents.Count);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ToolMessage_ThatRepeatsItsResultAsText_PrintsItOnce(EmulatedServer protocol)
    {
        var prompt = await PromptAsync(
            [
                new(ChatRole.User, "Hi"), new(ChatRole.Assistant, [new FunctionCallContent("1", "now"), new FunctionCallContent("2", "here")]),
                new(ChatRole.Tool, [new TextContent("12:00"), new FunctionResultContent("1", "12:00")]),
                new(ChatRole.Tool, [new TextContent("Note."), new FunctionResultContent("2", "Paris")]),
            ],
            protocol);

        Assert.Contains(
            "<|im_start|>user\n<tool_response>\n12:00\n</tool_response>\n<tool_response>\nParis\nNote.\n</tool_response><|im_end|>\n", prompt);
    }

    private static string Turn(string name, string arguments, string result) =>
        $"<|im_start|>assistant\n<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call><|im_end|>\n"
        + $"<|im_start|>user\n<tool_response>\n{result}\n</tool_response><|im_end|>\n";

    private static async Task<string> PromptAsync(IEnumerable<ChatMessage> messages, EmulatedServer protocol = EmulatedServer.VllmEngine)
    {
        await using var served = await Served.StartAsync(protocol);
        await served.AskAsync(messages);
        return served.LastPrompt;
    }
}

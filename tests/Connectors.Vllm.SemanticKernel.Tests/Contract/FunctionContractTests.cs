using System.Text;
using Connectors.Vllm.SemanticKernel.Tests.RealKernel;
using Connectors.Vllm.Testing;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Connectors.Vllm.SemanticKernel.Tests.Contract;

/// <summary>Functions: what the model is told of them, who invokes them, and what the history and the filters see.</summary>
public sealed class FunctionContractTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    public static TheoryData<EmulatedServer, bool> ProtocolsAndStreaming =>
        new() { { EmulatedServer.VllmEngine, false }, { EmulatedServer.VllmEngine, true }, { EmulatedServer.Inference, false },
            { EmulatedServer.Inference, true } };

    public static TheoryData<string, string> Values => new()
    {
        { "text", "sunny" },
        { "null", "" },
        { "void", "" },
        { "number", "42" },
        { "object", "{\"city\":\"Zürich\",\"days\":2}" },
        { "exception", "Error: Exception while invoking function. no such city" },
        { "function result", "from a function" },
        { "chat message", "from a prompt" },
        { "chat messages", "one,two" },
        { "text content", "from a content" },
        { "type", "System.Version" },
        { "stream", "Error: The function returned a value that cannot be shown (MemoryStream)." },
        { "loop", "Error: The function returned a value that cannot be shown (Loop)." },
        { "image", "Error: The function returned image/png content, which cannot be shown to this model." },
    };

    [KernelPoint(1)]
    [Theory]
    [MemberData(nameof(Values))]
    public async Task Value_OfAnyKind_ReachesTheModelInvokedHereOrByTheCaller(string kind, string expected)
    {
        foreach (var protocol in new[] { EmulatedServer.VllmEngine, EmulatedServer.Inference })
        {
            await using var host = await KernelHost.StartAsync(protocol);
            var function = KernelFunctionFactory.CreateFromMethod(() => ValueOf(kind), "get");
            host.Kernel.Plugins.AddFromFunctions("Any", [function]);
            host.Server.Enqueue(WeatherPlugin.Call("get", "{}", "Any"), "Done.", "Done.");

            await AnswerAsync(
                host, Ask("?"), new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() }, streaming: false);
            var manual = Ask("?");
            manual.Add(new ChatMessageContent(AuthorRole.Assistant, [new FunctionCallContent("get", "Any", "1")]));
            manual.Add(new FunctionResultContent("get", "Any", "1", kind == "void" ? null : ValueOf(kind)).ToChatMessage());
            await AnswerAsync(host, manual, new VllmPromptExecutionSettings(), streaming: false);

            Assert.All(host.Prompts.Skip(1),
                prompt => Assert.Contains($"\n<tool_response>\n{expected}\n</tool_response>", prompt, StringComparison.Ordinal));
            Assert.Equal(3, host.Prompts.Count);
        }
    }

    [KernelPoint(2)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ToolMessage_WithTextAndTheSameResult_PrintsItOnce(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("ok");
        var history = Ask("Time?");
        history.Add(new ChatMessageContent(AuthorRole.Assistant, [new FunctionCallContent("time", "Clock", "1")]));
        history.Add(new ChatMessageContent(AuthorRole.Tool, [new TextContent("noon"), new FunctionResultContent("time", "Clock", "1", "noon")]));

        await AnswerAsync(host, history, new VllmPromptExecutionSettings(), streaming: false);

        Assert.Equal(2, host.Prompts[0].Split("noon").Length);
        Assert.Contains("\n<tool_response>\nnoon\n</tool_response><|im_end|>", host.Prompts[0], StringComparison.Ordinal);
    }

    [KernelPoint(3, 5)]
    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Auto_TwoCalls_HistoryHoldsAToolMessageEachAndFiltersSeeWhereTheyAre(EmulatedServer protocol, bool streaming)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        var filter = new RecordingFilter();
        host.Kernel.AutoFunctionInvocationFilters.Add(filter);
        host.Server.Enqueue(
            WeatherPlugin.Call("get_weather", """{"city": "Paris"}""") + "\n" + WeatherPlugin.Call("get_time", "{}"),
            WeatherPlugin.Call("get_time", "{}"), "Sunny.");
        var history = Ask("Weather and time?");
        var settings = new VllmPromptExecutionSettings { Temperature = 0.5f, FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };

        await AnswerAsync(host, history, settings, streaming);

        Assert.Equal(
            [AuthorRole.User, AuthorRole.Assistant, AuthorRole.Tool, AuthorRole.Tool, AuthorRole.Assistant, AuthorRole.Tool],
            history.Select(message => message.Role));
        Assert.Equal(["sunny in Paris", "noon"], history.Skip(2).Take(2).Select(message => message.Content));
        Assert.Equal(["sunny in Paris", "noon"],
            history.Skip(2).Take(2).Select(message => Assert.Single(message.Items.OfType<FunctionResultContent>()).Result));
        Assert.Equal(["get_weather 0/0 of 2", "get_time 0/1 of 2", "get_time 1/0 of 1"], filter.Seen.Select(
            context => $"{context.Function.Name} {context.RequestSequenceIndex}/{context.FunctionSequenceIndex} of {context.FunctionCount}"));
        Assert.All(filter.Seen, context =>
        {
            Assert.Same(settings, context.ExecutionSettings);
            Assert.Same(history, context.ChatHistory);
            Assert.Equal(streaming, context.IsStreaming);
            Assert.Contains(FunctionCallContent.GetFunctionCalls(context.ChatMessageContent), call => call.Id == context.ToolCallId);
        });
        Assert.Equal("Paris", filter.Seen[0].Arguments!["city"]!.ToString());
    }

    [KernelPoint(4)]
    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Auto_FilterTerminates_TheAnswerIsTheValueItSet(EmulatedServer protocol, bool streaming)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        host.Kernel.AutoFunctionInvocationFilters.Add(
            new RecordingFilter { After = context => (context.Result, context.Terminate) = (new FunctionResult(context.Result, "changed"), true) });
        host.Server.Enqueue(
            WeatherPlugin.Call("get_time", "{}") + "\n" + WeatherPlugin.Call("get_weather", """{"city": "Paris"}"""), "never asked for");
        var history = Ask("Time?");

        var answer =
            await AnswerAsync(host, history, new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() }, streaming);

        Assert.Equal("changed", answer);
        Assert.Equal(["time"], plugin.Asked);
        Assert.Single(host.Prompts);
        Assert.Equal("changed", history[^1].Content);
    }

    [KernelPoint(6)]
    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Functions_OnlyInTheBehavior_KeepPluginAndNameApart(EmulatedServer protocol, bool streaming)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        var plugin = KernelPluginFactory.CreateFromObject(new WeatherPlugin(), "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_time", "{}"));
        var settings = new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto(plugin, autoInvoke: false) };
        var service = host.Kernel.GetRequiredService<IChatCompletionService>();
        FunctionCallContent call;

        if (streaming)
        {
            var builder = new FunctionCallContentBuilder();
            await foreach (var piece in service.GetStreamingChatMessageContentsAsync(Ask("Time?"), settings, host.Kernel, Token))
            {
                builder.Append(piece);
            }

            call = Assert.Single(builder.Build());
        }
        else
        {
            call = Assert.Single(
                FunctionCallContent.GetFunctionCalls(await service.GetChatMessageContentAsync(Ask("Time?"), settings, host.Kernel, Token)));
        }

        Assert.Equal(("Weather", "get_time"), (call.PluginName, call.FunctionName));
    }

    [KernelPoint(7)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ConcurrentInvocation_Allowed_CallsWaitForEachOther(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        using var meeting = new Barrier(2);
        host.Kernel.Plugins.AddFromFunctions("Any", [KernelFunctionFactory.CreateFromMethod(async () =>
        {
            // Ends only if the other call runs, too; the test's token ends it otherwise.
            await Task.Run(() => meeting.SignalAndWait(Token), Token);
            return "met";
        }, "meet")]);
        host.Server.Enqueue(WeatherPlugin.Call("meet", "{}", "Any") + "\n" + WeatherPlugin.Call("meet", "{}", "Any"), "Both met.");
        var history = Ask("Meet!");
        var behavior = FunctionChoiceBehavior.Auto(options: new FunctionChoiceBehaviorOptions { AllowConcurrentInvocation = true });

        var answer = await AnswerAsync(host, history, new VllmPromptExecutionSettings { FunctionChoiceBehavior = behavior }, streaming: false);

        Assert.Equal("Both met.", answer);
        Assert.Equal(["met", "met"], history.Where(message => message.Role == AuthorRole.Tool).Select(message => message.Content));
    }

    [KernelPoint(8)]
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, true)]
    [InlineData(EmulatedServer.Inference, true)]
    [InlineData(EmulatedServer.VllmEngine, false)]
    public async Task StrictSchemas_Allowed_ConstrainTheArguments(EmulatedServer protocol, bool strict)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        host.Server.Reply("No need.");
        var behavior = FunctionChoiceBehavior.Auto(options: new FunctionChoiceBehaviorOptions { AllowStrictSchemaAdherence = strict });

        await AnswerAsync(host, Ask("Time?"), new VllmPromptExecutionSettings { FunctionChoiceBehavior = behavior }, streaming: false);

        Assert.Equal(strict, host.Requests[0].Message.ToString()!.Contains("get_weather", StringComparison.Ordinal));
    }

    [KernelPoint(9)]
    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task None_ModelCallsAllTheSame_ItsTextIsShown(EmulatedServer protocol, bool streaming)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        var text = "I could look. " + WeatherPlugin.Call("get_time", "{}");
        host.Server.Reply(text);

        var answer = await AnswerAsync(
            host, Ask("Time?"), new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.None() }, streaming);

        Assert.Equal(text, answer);
        Assert.Empty(plugin.Asked);
        Assert.DoesNotContain("get_time", host.Prompts[0], StringComparison.Ordinal);
    }

    [KernelPoint(23)]
    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task BrokenArguments_TheModelIsTold_AndCorrectsItself(EmulatedServer protocol, bool streaming)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_weather", "{broken}"), WeatherPlugin.Call("get_weather", """{"city": "Paris"}"""), "Sunny.");
        var history = Ask("Weather?");

        var answer =
            await AnswerAsync(host, history, new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() }, streaming);

        Assert.EndsWith("Sunny.", answer, StringComparison.Ordinal);
        Assert.Equal(["Paris/1"], plugin.Asked);
        Assert.StartsWith("Error: Function call processing failed. Correct yourself.", history[2].Content, StringComparison.Ordinal);
        Assert.NotNull(Assert.Single(FunctionCallContent.GetFunctionCalls(history[1])).Exception);
    }

    [KernelPoint(24)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task UnknownFunction_IsNotInvoked_AndTheModelIsTold(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_weather", """{"city": "Paris"}"""), "I can't.");
        var behavior = FunctionChoiceBehavior.Auto([host.Kernel.Plugins.GetFunction("Weather", "get_time")]);

        var answer =
            await AnswerAsync(host, Ask("Weather?"), new VllmPromptExecutionSettings { FunctionChoiceBehavior = behavior }, streaming: false);

        Assert.Equal("I can't.", answer);
        Assert.Empty(plugin.Asked);
        Assert.Contains("Error: Function call request for a function that wasn't defined.", host.Prompts[1], StringComparison.Ordinal);
    }

    [KernelPoint(25)]
    [Fact]
    public async Task SeveralAnswers_WithAutomaticInvocation_AreRefusedByName()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        var settings = new VllmPromptExecutionSettings { ResultsPerPrompt = 2, FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };

        var exception = await Assert.ThrowsAsync<ArgumentException>(() => AnswerAsync(host, Ask("Time?"), settings, streaming: false));

        Assert.Contains("ResultsPerPrompt", exception.Message, StringComparison.Ordinal);
        Assert.Empty(host.Prompts);
    }

    private static object? ValueOf(string kind) => kind switch
    {
        "text" => "sunny",
        "number" => 42,
        "object" => new Dictionary<string, object?> { ["city"] = "Zürich", ["days"] = 2 },
        "exception" => new InvalidOperationException("no such city"),
        "function result" => new FunctionResult(KernelFunctionFactory.CreateFromMethod(() => { }, "inner"), "from a function"),
        "chat message" => new ChatMessageContent(AuthorRole.Assistant, "from a prompt", metadata: new Dictionary<string, object?> { ["Usage"] = 7 }),
        "chat messages" => new List<ChatMessageContent> { new(AuthorRole.Assistant, "one"), new(AuthorRole.Assistant, "two") },
        "text content" => new TextContent("from a content"),
        "type" => typeof(Version),
        "stream" => new MemoryStream([1]),
        "loop" => new Loop(),
        "image" => new ImageContent(new byte[] { 1 }, "image/png"),
        _ => null,
    };

    private static ChatHistory Ask(string question)
    {
        var history = new ChatHistory();
        history.AddUserMessage(question);
        return history;
    }

    private static async Task<string> AnswerAsync(KernelHost host, ChatHistory history, PromptExecutionSettings settings, bool streaming)
    {
        var service = host.Kernel.GetRequiredService<IChatCompletionService>();
        if (!streaming)
        {
            return Assert.Single(await service.GetChatMessageContentsAsync(history, settings, host.Kernel, Token)).Content ?? string.Empty;
        }

        var answer = new StringBuilder();
        await foreach (var piece in service.GetStreamingChatMessageContentsAsync(history, settings, host.Kernel, Token))
        {
            answer.Append(piece.Content);
        }

        return answer.ToString();
    }

    private sealed class Loop
    {
        public Loop Itself => this;
    }

    private sealed class RecordingFilter : IAutoFunctionInvocationFilter
    {
        public List<AutoFunctionInvocationContext> Seen { get; } = [];

        public Action<AutoFunctionInvocationContext>? After { get; init; }

        public async Task OnAutoFunctionInvocationAsync(AutoFunctionInvocationContext context, Func<AutoFunctionInvocationContext, Task> next)
        {
            Seen.Add(context);
            await next(context);
            After?.Invoke(context);
        }
    }
}

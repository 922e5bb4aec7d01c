using Connectors.Vllm.SemanticKernel.Tests.RealKernel;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests;
using Connectors.Vllm.Tests.EndToEnd;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Connectors.Vllm.SemanticKernel.Tests.Contract;

/// <summary>What a kernel's history becomes in the prompts of real templates, and what is logged about it.</summary>
public sealed class HistoryContractTests
{
    // The first bytes of a PNG; the test server looks no further.
    private static readonly byte[] Picture = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    public static TheoryData<string, EmulatedServer> RealTemplates
    {
        get
        {
            string[] templates =
            [
                "Qwen-Qwen3-0.6B", "meta-llama-Llama-3.1-8B-Instruct", "deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "moonshotai-Kimi-K2",
                "Kimi-K2-Thinking", "unsloth-mistral-Devstral-Small-2507", "mistralai-Mistral-Nemo-Instruct-2407", "google-gemma-4-31B-it",
            ];
            var data = new TheoryData<string, EmulatedServer>();
            foreach (var template in templates)
            {
                data.Add(template, EmulatedServer.VllmEngine);
                data.Add(template, EmulatedServer.Inference);
            }

            return data;
        }
    }

    [KernelPoint(2)]
    [Theory]
    [MemberData(nameof(RealTemplates))]
    public async Task ToolMessage_WithTextAndTheSameResult_RealTemplatePrintsItOnce(string template, EmulatedServer protocol)
    {
        var source = await File.ReadAllTextAsync(TestPaths.RequireCorpus($"chat-templates/{template}.jinja"), Token);
        await using var host = await KernelHost.StartAsync(protocol, (builder, server) => builder.AddVllmGrpc(server.Endpoint, configure: options =>
        {
            KernelHost.Configure(options);
            options.ChatTemplate = source;
            options.ChatTemplateArguments["bos_token"] = "<s>";
            options.ChatTemplateArguments["eos_token"] = "</s>";
        }));
        host.Server.Reply("ok");
        var history = Ask("Weather?");
        history.Add(new ChatMessageContent(
            AuthorRole.Assistant, [new FunctionCallContent("get", "Any", "call_1"), new FunctionCallContent("other", "Any", "call_2")]));
        history.Add(new ChatMessageContent(
            AuthorRole.Tool, [new TextContent("Sunnyday"), new FunctionResultContent("get", "Any", "call_1", "Sunnyday")]));
        history.Add(new ChatMessageContent(
            AuthorRole.Tool, [new TextContent("Rainy"), new FunctionResultContent("other", "Any", "call_2", "Rainy")]));

        await AskAsync(host, history);

        Assert.Equal(2, host.Prompts[0].Split("Sunnyday").Length);
        Assert.Equal(2, host.Prompts[0].Split("Rainy").Length);
    }

    [KernelPoint(1)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Value_Image_IsShownToAModelThatTakesImages(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(
            protocol,
            (builder, server) => builder.AddVllmGrpc(server.Endpoint, configure: options =>
            {
                KernelHost.Configure(options);
                options.ModelDirectory = VisionModelFolder.Path;
            }),
            options =>
            {
                options.AcceptsMedia = true;
                options.ModelDirectory = VisionModelFolder.Path;
            });
        host.Kernel.Plugins.AddFromFunctions(
            "Any", [KernelFunctionFactory.CreateFromMethod(() => new ImageContent(Picture, "image/png"), "look")]);
        host.Server.Enqueue(WeatherPlugin.Call("look", "{}", "Any"), "A picture.");

        await AskAsync(host, Ask("Look!"), new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() });

        Assert.Contains("\n<tool_response>\n<|image_pad|>\n</tool_response>", host.Prompts[^1], StringComparison.Ordinal);
    }

    [KernelPoint(9)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task None_ModelCallsAllTheSame_OneWarningSaysSo(EmulatedServer protocol)
    {
        using var log = new ListLoggerFactory();
        await using var host = await KernelHost.StartAsync(protocol, (builder, server) =>
        {
            builder.Services.AddSingleton<ILoggerFactory>(log);
            builder.AddVllmGrpc(server.Endpoint, configure: KernelHost.Configure);
        });
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        host.Server.Reply(WeatherPlugin.Call("get_time", "{}"));

        await AskAsync(host, Ask("Time?"), new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.None() });

        var line = Assert.Single(log.Entries, entry => entry.Id.Name == "CallsShownAsText");
        Assert.Equal(LogLevel.Warning, line.Level);
        Assert.Contains("the model wrote 1 function call(s) although the tool mode allows none", line.Text, StringComparison.Ordinal);
    }

    [KernelPoint(10)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Setting_OfNoKnownName_IsNamedInOneWarning(EmulatedServer protocol)
    {
        using var log = new ListLoggerFactory();
        await using var host = await KernelHost.StartAsync(protocol, (builder, server) =>
        {
            builder.Services.AddSingleton<ILoggerFactory>(log);
            builder.AddVllmGrpc(server.Endpoint, configure: KernelHost.Configure);
        });
        host.Server.Reply("ok");
        var settings = new PromptExecutionSettings
        {
            ExtensionData = new Dictionary<string, object> { ["min_pp"] = 0.5, ["min_p"] = 0.5, ["max_completion_tokens"] = 5 },
        };

        await AskAsync(host, Ask("Hi"), settings);
        await AskAsync(host, Ask("Hi"), settings);

        Assert.Contains("'min_pp'", Assert.Single(log.Entries, entry => entry.Id.Name == "UnknownOption").Text, StringComparison.Ordinal);
    }

    public static TheoryData<string, object, string> Values => new()
    {
        { "array of contents", new object[] { new TextContent("Parta"), new ImageContent(Picture, "image/png") }, "Parta" },
        { "array of an image", new object[] { new ImageContent(Picture, "image/png") }, "cannot be shown to this model" },
        { "not a number", double.NaN, "NaN" },
        { "a failing property", new Failing(), "Error: The function returned a value that cannot be shown (Failing)." },
        { "nested", new FunctionResultContent("inner", "Any", "c2", "Inner"), "Inner" },
    };

    [KernelPoint(1)]
    [Theory]
    [MemberData(nameof(Values))]
    public async Task Value_OfAnyKind_IsShownOrNamed(string kind, object value, string expected)
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        host.Server.Reply("ok");
        var history = Ask(kind);
        history.Add(new ChatMessageContent(AuthorRole.Assistant, [new FunctionCallContent("get", "Any", "c1")]));
        history.Add(new FunctionResultContent("get", "Any", "c1", value).ToChatMessage());

        await AskAsync(host, history);

        Assert.Contains(expected, host.Prompts[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Item_OfAnotherService_IsNamedInTheLogOrRefused()
    {
        using var log = new ListLoggerFactory();
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine, (builder, server) =>
        {
            builder.Services.AddSingleton<ILoggerFactory>(log);
            builder.AddVllmGrpc(server.Endpoint, configure: KernelHost.Configure);
        });
        host.Server.Reply("ok");
        var history = Ask("Hi");
        history.Add(new ChatMessageContent(AuthorRole.Assistant, [new TextContent("Said"), new Citation()]));

        await AskAsync(host, history);
        history.Add(new ChatMessageContent(AuthorRole.User, [new Citation()]));
        var exception = await Assert.ThrowsAsync<NotSupportedException>(() => AskAsync(host, history));

        Assert.EndsWith(": Citation", Assert.Single(log.Entries, entry => entry.Id.Name == "ContentsLeftOut").Text, StringComparison.Ordinal);
        Assert.Contains("The message at index 2 contains Citation", exception.Message, StringComparison.Ordinal);
    }

    private sealed class Citation : KernelContent;

    private sealed class Failing
    {
        public string Text { get => field.Length > 0 ? field : throw new IOException("The disk is full."); } = string.Empty;
    }

    private static ChatHistory Ask(string question)
    {
        var history = new ChatHistory();
        history.AddUserMessage(question);
        return history;
    }

    private static Task<ChatMessageContent> AskAsync(KernelHost host, ChatHistory history, PromptExecutionSettings? settings = null) =>
        host.Kernel.GetRequiredService<IChatCompletionService>().GetChatMessageContentAsync(history, settings, host.Kernel, Token);
}

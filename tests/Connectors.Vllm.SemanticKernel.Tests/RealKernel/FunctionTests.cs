using System.Text;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace Connectors.Vllm.SemanticKernel.Tests.RealKernel;

/// <summary>The kernel's functions, called by the model: invoked for the caller, or by the caller.</summary>
public sealed class FunctionTests
{
    private const string Preface = "Let me look.\n";

    private static readonly PromptExecutionSettings Auto = new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };

    private static readonly PromptExecutionSettings Manual = new VllmPromptExecutionSettings
    { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto(autoInvoke: false) };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer, bool> ProtocolsAndStreaming =>
        new() { { EmulatedServer.VllmEngine, false }, { EmulatedServer.VllmEngine, true }, { EmulatedServer.Inference, false },
            { EmulatedServer.Inference, true } };

    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Auto_TwoRounds_RunsTheFunctionsAndKeepsTheRounds(EmulatedServer protocol, bool streaming)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        host.Server.Enqueue(
            Preface + WeatherPlugin.Call("get_weather", """{"city": "Paris", "days": 2}""") + "\n" + WeatherPlugin.Call("get_time", "{}"),
            WeatherPlugin.Call("get_time", "{}"),
            "It is sunny at noon.");
        var history = Ask("Weather and time?");

        (var answer, var choices) = await AnswerAsync(host, history, Auto, streaming);

        Assert.EndsWith("It is sunny at noon.", answer, StringComparison.Ordinal);
        Assert.Equal(["Paris/2", "time", "time"], plugin.Asked);
        Assert.Equal([0], choices.Distinct());
        Assert.Equal(
            [AuthorRole.User, AuthorRole.Assistant, AuthorRole.Tool, AuthorRole.Tool, AuthorRole.Assistant, AuthorRole.Tool],
            history.Select(message => message.Role));
        Assert.StartsWith("Let me look.", history[1].Content, StringComparison.Ordinal);
        FunctionCallContent[] calls = [.. history[1].Items.OfType<FunctionCallContent>()];
        Assert.Equal([("Weather", "get_weather"), ("Weather", "get_time")], calls.Select(call => (call.PluginName!, call.FunctionName)));
        FunctionResultContent[] results = [.. history.Skip(2).Take(2).SelectMany(message => message.Items.OfType<FunctionResultContent>())];
        Assert.Equal(calls.Select(call => call.Id), results.Select(result => result.CallId));
        Assert.Equal(["get_weather", "get_time"], results.Select(result => result.FunctionName));
        Assert.Contains("sunny in Paris", host.Prompts[1], StringComparison.Ordinal);
        Assert.Equal(3, host.Prompts.Count);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndStreaming))]
    public async Task Auto_HistoryAskedAgain_ExtendsThePromptTheServerHas(EmulatedServer protocol, bool streaming)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_weather", """{"days":  3, "city": "Z\u00fcrich"}"""), "Sunny.", "Yes.");
        var history = Ask("Weather?");

        (var answer, _) = await AnswerAsync(host, history, Auto, streaming);
        history.AddAssistantMessage(answer);
        history.AddUserMessage("Sure?");
        await AnswerAsync(host, history, Auto, streaming);

        Assert.StartsWith(host.Prompts[0], host.Prompts[1], StringComparison.Ordinal);
        Assert.Equal(host.PromptIds[1], host.PromptIds[2].Take(host.PromptIds[1].Count));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Auto_FilterTerminates_EndsWithTheResult(bool streaming)
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine, (builder, server) =>
        {
            builder.AddVllmGrpcChatCompletion(server.Endpoint, configure: KernelHost.Configure);
            builder.Services.AddSingleton<IAutoFunctionInvocationFilter>(new TerminatingFilter());
        });
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_time", "{}"), "never asked for");
        var history = Ask("Time?");

        (var answer, _) = await AnswerAsync(host, history, Auto, streaming);

        Assert.DoesNotContain("never", answer, StringComparison.Ordinal);
        Assert.Equal(["time"], plugin.Asked);
        Assert.Single(host.Prompts);
    }

    [Fact]
    public async Task Manual_Calls_CanBeInvokedByTheCaller()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_weather", """{"city": "Paris"}"""), "It is sunny.");
        var service = host.Kernel.GetRequiredService<IChatCompletionService>();
        var history = Ask("Weather?");

        var message = await service.GetChatMessageContentAsync(history, Manual, host.Kernel, Token);
        history.Add(message);
        foreach (var call in FunctionCallContent.GetFunctionCalls(message))
        {
            history.Add((await call.InvokeAsync(host.Kernel, Token)).ToChatMessage());
        }

        var answer = await service.GetChatMessageContentAsync(history, Manual, host.Kernel, Token);

        Assert.Equal("It is sunny.", answer.Content);
        Assert.Equal(["Paris/1"], plugin.Asked);
        Assert.Contains("sunny in Paris", host.Prompts[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Manual_StreamedCalls_AreBuiltWholeAndApart()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_weather", """{"city": "Paris"}""") + "\n" + WeatherPlugin.Call("get_time", "{}"));
        var history = Ask("Weather and time?");
        var calls = new FunctionCallContentBuilder();

        await foreach (var piece in host.Kernel.GetRequiredService<IChatCompletionService>()
            .GetStreamingChatMessageContentsAsync(history, Manual, host.Kernel, Token))
        {
            calls.Append(piece);
        }

        var built = calls.Build();
        Assert.Equal(["get_weather", "get_time"], built.Select(call => call.FunctionName));
        foreach (var call in built)
        {
            await call.InvokeAsync(host.Kernel, Token);
        }

        Assert.Equal(["Paris/1", "time"], plugin.Asked);
        Assert.Single(history);
    }

    private static ChatHistory Ask(string question)
    {
        var history = new ChatHistory();
        history.AddUserMessage(question);
        return history;
    }

    private static async Task<(string Answer, int[] Choices)> AnswerAsync(
        KernelHost host, ChatHistory history, PromptExecutionSettings settings, bool streaming)
    {
        var service = host.Kernel.GetRequiredService<IChatCompletionService>();
        if (!streaming)
        {
            var message = Assert.Single(await service.GetChatMessageContentsAsync(history, settings, host.Kernel, Token));
            return (message.Content ?? string.Empty, [0]);
        }

        var answer = new StringBuilder();
        var choices = new List<int>();
        await foreach (var piece in service.GetStreamingChatMessageContentsAsync(history, settings, host.Kernel, Token))
        {
            answer.Append(piece.Content);
            choices.Add(piece.ChoiceIndex);
        }

        return (answer.ToString(), [.. choices]);
    }

    private sealed class TerminatingFilter : IAutoFunctionInvocationFilter
    {
        public async Task OnAutoFunctionInvocationAsync(AutoFunctionInvocationContext context, Func<AutoFunctionInvocationContext, Task> next)
        {
            await next(context);
            context.Terminate = true;
        }
    }
}

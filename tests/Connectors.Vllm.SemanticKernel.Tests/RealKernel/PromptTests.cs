using System.Text;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.TextGeneration;

namespace Connectors.Vllm.SemanticKernel.Tests.RealKernel;

/// <summary>Prompt functions of the kernel.</summary>
public sealed class PromptTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task InvokePrompt_Template_GoesThroughTheChatTemplate(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("Paris.");
        var arguments = new KernelArguments { ["country"] = "France" };

        var result = await host.Kernel.InvokePromptAsync("Capital of {{$country}}?", arguments, cancellationToken: Token);

        Assert.Equal("Paris.", result.GetValue<string>());
        Assert.Equal("<|im_start|>user\nCapital of France?<|im_end|>\n<|im_start|>assistant\n", Assert.Single(host.Prompts));
        Assert.True(Assert.IsType<UsageDetails>(result.Metadata!["Usage"]).OutputTokenCount > 0);
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task InvokePromptStreaming_Text_EqualsTheWholeAnswer(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("Paris, of course. 🗼");
        var text = new StringBuilder();

        await foreach (var piece in host.Kernel.InvokePromptStreamingAsync<string>("Capital of France?", cancellationToken: Token))
        {
            text.Append(piece);
        }

        Assert.Equal("Paris, of course. 🗼", text.ToString());
    }

    [Fact]
    public async Task InvokePrompt_MessageTags_AreRoles()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        host.Server.Reply("ok");

        await host.Kernel.InvokePromptAsync(
            """<message role="system">Be brief.</message><message role="user">Hi</message>""", cancellationToken: Token);

        Assert.Equal("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", Assert.Single(host.Prompts));
    }

    [Fact]
    public async Task InvokePrompt_OnlyTextGeneration_IsRaw()
    {
        await using var host = await KernelHost.StartAsync(
            EmulatedServer.VllmEngine, (builder, server) => builder.AddVllmGrpcTextGeneration(server.Endpoint, configure: KernelHost.Configure));
        host.Server.Reply(" upon a time");

        var result = await host.Kernel.InvokePromptAsync("Once", cancellationToken: Token);

        Assert.Equal(" upon a time", result.GetValue<string>());
        Assert.Equal("Once", Assert.Single(host.Prompts));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task TextGeneration_SettingsWithFunctions_AreRawText(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        host.Server.Reply(" upon a time");
        var settings = new VllmPromptExecutionSettings { MaxTokens = 20, FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };

        var contents = await host.Kernel.GetRequiredService<ITextGenerationService>()
            .GetTextContentsAsync("Once", settings, cancellationToken: Token);

        Assert.Equal(" upon a time", Assert.Single(contents).Text);
        Assert.Equal("Once", Assert.Single(host.Prompts));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task InvokePromptStreaming_SeveralAnswers_AreToldApart(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply(new ScriptedReply { Text = "one", Alternatives = ["two"] });
        var arguments =
            new KernelArguments(
                new VllmPromptExecutionSettings { ResultsPerPrompt = protocol == EmulatedServer.VllmEngine ? 2 : 1, Temperature = 1 });
        var answers = new SortedDictionary<int, string>();

        await foreach (var piece in host.Kernel.InvokePromptStreamingAsync<StreamingChatMessageContent>("Count", arguments, cancellationToken: Token))
        {
            answers[piece.ChoiceIndex] = answers.GetValueOrDefault(piece.ChoiceIndex) + piece.Content;
        }

        // The Inference protocol refuses more than one answer.
        Assert.Equal(protocol == EmulatedServer.VllmEngine ? ["one", "two"] : ["one"], answers.Values);
    }

    [Fact]
    public async Task InvokePrompt_Cancelled_StopsTheServer()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine);
        host.Server.Reply(
            new ScriptedReply { Text = string.Concat(Enumerable.Repeat("again ", 400)), DelayPerMessage = TimeSpan.FromMilliseconds(20) });
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in host.Kernel.InvokePromptStreamingAsync("Talk", cancellationToken: cancel.Token))
            {
                await cancel.CancelAsync();
            }
        });

        await host.Server.WaitUntilIdleAsync(Token);
        Assert.Equal(0, host.Server.ActiveRequests);
    }

    [Fact]
    public async Task InvokePrompt_ChatClientRegistration_InvokesFunctionsThroughTheKernel()
    {
        await using var host = await KernelHost.StartAsync(EmulatedServer.VllmEngine, (builder, server) => builder.Services
            .AddVllmGrpc(options =>
            {
                options.Endpoints.Add(server.Endpoint);
                KernelHost.Configure(options);
            })
            .UseKernelFunctionInvocation());
        var plugin = new WeatherPlugin();
        host.Kernel.ImportPluginFromObject(plugin, "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_weather", """{"city": "Paris"}"""), "It is sunny.");

        var result = await host.Kernel.InvokePromptAsync(
            "Weather?", new KernelArguments(new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() }),
            cancellationToken: Token);

        Assert.Equal("It is sunny.", result.GetValue<string>());
        Assert.Equal(["Paris/1"], plugin.Asked);
    }
}

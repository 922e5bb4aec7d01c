using System.Collections.Concurrent;
using System.Diagnostics;
using Connectors.Vllm.SemanticKernel.Tests.RealKernel;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Services;
using Microsoft.SemanticKernel.TextGeneration;
using FunctionCallContent = Microsoft.SemanticKernel.FunctionCallContent;
using TextContent = Microsoft.SemanticKernel.TextContent;

namespace Connectors.Vllm.SemanticKernel.Tests.Contract;

/// <summary>The services around an answer: names, selection, telemetry, metadata, histories of other connectors.</summary>
public sealed class ServiceContractTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<EmulatedServer> Protocols => [EmulatedServer.VllmEngine, EmulatedServer.Inference];

    [KernelPoint(15)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ModelId_NotConfigured_IsWhatTheServerServesAndNeverAFolder(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("ok");
        var service = host.Kernel.GetRequiredService<IChatCompletionService>();
        var before = service.GetModelId();

        await AskAsync(host, Ask("Hi"));

        Assert.Null(before);
        Assert.Equal(TinyModel.Name, service.GetModelId());
        Assert.Equal(service.GetModelId(), host.Kernel.GetRequiredService<ITextGenerationService>().GetModelId());
    }

    [KernelPoint(16)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Selection_ByTheServedModel_FindsItsService(EmulatedServer protocol)
    {
        await using var other = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol, ServedModelName = "other-model" }, Token);
        await using var host = await KernelHost.StartAsync(protocol, (builder, server) => builder
            .AddVllmGrpc(server.Endpoint, serviceId: "a", configure: KernelHost.Configure)
            .AddVllmGrpc(other.Endpoint, serviceId: "b", configure: KernelHost.Configure));
        host.Server.Reply("from a");
        other.Reply("from b");
        foreach (var id in new[] { "a", "b" })
        {
            await host.Kernel.GetRequiredService<IChatCompletionService>(id).GetChatMessageContentAsync("Hi", cancellationToken: Token);
        }

        var answers = new List<string?>();
        foreach (var model in new[] { "other-model", TinyModel.Name })
        {
            answers.Add(
                (await host.Kernel.InvokePromptAsync(
                    "Hi", new KernelArguments(new PromptExecutionSettings { ModelId = model }), cancellationToken: Token)).GetValue<string>());
        }

        Assert.Equal(["from b", "from a"], answers);
    }

    [KernelPoint(17)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task ChatSpan_WithAListener_IsEmittedPerRequest(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        host.Server.Enqueue(WeatherPlugin.Call("get_time", "{}"), "Noon.");
        using var root = new Activity("test").Start();
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Experimental.Microsoft.Extensions.AI",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                if (activity.TraceId == root.TraceId)
                {
                    spans.Enqueue(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);

        await AskAsync(host, Ask("Time?"), new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() });

        Assert.Equal(2, spans.Count);
        Assert.All(spans, span =>
        {
            Assert.Equal("chat", span.GetTagItem("gen_ai.operation.name"));
            Assert.NotNull(span.GetTagItem("gen_ai.usage.output_tokens"));
        });
    }

    [KernelPoint(18)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Metadata_WholeAndStreamed_TellsIdTimeUsageAndFinish(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("Hello there.");
        var streamed = new List<StreamingChatMessageContent>();

        var whole = await AskAsync(host, Ask("Hi"));
        await foreach (var piece in host.Kernel.GetRequiredService<IChatCompletionService>()
            .GetStreamingChatMessageContentsAsync(Ask("Hi"), cancellationToken: Token))
        {
            streamed.Add(piece);
        }

        Assert.All(streamed, piece => Assert.IsType<DateTimeOffset>(piece.Metadata!["CreatedAt"]));
        Assert.Single(streamed.Select(piece => piece.Metadata!["Id"]).Distinct());
        foreach (var metadata in new[] { whole.Metadata!, streamed[^1].Metadata! })
        {
            Assert.IsType<string>(metadata["Id"]);
            Assert.IsType<DateTimeOffset>(metadata["CreatedAt"]);
            Assert.True(Assert.IsType<UsageDetails>(metadata["Usage"]).OutputTokenCount > 0);
            Assert.Equal("stop", metadata["FinishReason"]);
        }
    }

    [KernelPoint(19)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task History_MessageWithoutARole_IsTheUsers(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply("ok");

        await AskAsync(host, [new ChatMessageContent { Items = [new TextContent("Hi")] }]);

        Assert.StartsWith("<|im_start|>user\nHi<|im_end|>", host.Prompts[0], StringComparison.Ordinal);
    }

    [KernelPoint(19)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task History_AudioWithoutAMediaType_IsAudio(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);

        var exception = await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(
            host, [new ChatMessageContent(AuthorRole.User, [new AudioContent { Data = new byte[] { 1, 2 } }])]));

        // The small model takes no sound; that it was taken for sound is what counts.
        Assert.Contains("does not accept media", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("octet-stream", exception.Message, StringComparison.Ordinal);
    }

    [KernelPoint(20)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task RawCompletion_StopString_IsCut(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Server.Reply(" upon a time. The end.");
        var service = host.Kernel.GetRequiredService<ITextGenerationService>();
        var settings = new VllmPromptExecutionSettings { StopSequences = ["The"] };
        var streamed = string.Empty;

        var whole = Assert.Single(await service.GetTextContentsAsync("Once", settings, cancellationToken: Token));
        await foreach (var piece in service.GetStreamingTextContentsAsync("Once", settings, cancellationToken: Token))
        {
            streamed += piece.Text;
        }

        Assert.Equal(" upon a time. ", whole.Text);
        Assert.Equal(whole.Text, streamed);
    }

    [KernelPoint(21)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Contents_OfAnAnswer_LeadBackToTheChatClients(EmulatedServer protocol)
    {
        await using var host = await KernelHost.StartAsync(protocol);
        host.Kernel.ImportPluginFromObject(new WeatherPlugin(), "Weather");
        host.Server.Reply(WeatherPlugin.Call("get_time", "{}"));

        var answer = await AskAsync(
            host, Ask("Time?"), new VllmPromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto(autoInvoke: false) });

        Assert.NotNull(answer.InnerContent);
        Assert.IsType<Microsoft.Extensions.AI.FunctionCallContent>(Assert.Single(answer.Items.OfType<FunctionCallContent>()).InnerContent);
    }

    [KernelPoint(26)]
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, null)]
    [InlineData(EmulatedServer.Inference, null)]
    [InlineData(EmulatedServer.VllmEngine, "vllm")]
    [InlineData(EmulatedServer.Inference, "vllm")]
    public async Task AddVllmGrpc_OneRegistration_GivesEverything(EmulatedServer protocol, string? serviceId)
    {
        await using var host = await KernelHost.StartAsync(
            protocol, (builder, server) => builder.AddVllmGrpc(server.Endpoint.ToString(), serviceId: serviceId, configure: KernelHost.Configure));
        host.Server.Reply("ok");

        Assert.Equal("ok", (await host.Kernel.GetRequiredService<IChatClient>(serviceId).GetResponseAsync("Hi", cancellationToken: Token)).Text);
        Assert.Equal(
            "ok", (await host.Kernel.GetRequiredService<IChatCompletionService>(serviceId)
                .GetChatMessageContentAsync("Hi", cancellationToken: Token)).Content);
        Assert.NotNull(host.Kernel.GetRequiredService<ITextGenerationService>(serviceId));
        Assert.NotNull(host.Kernel.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>(serviceId));
        Assert.True(await host.Kernel.GetRequiredService<IVllmTokenCounter>(serviceId).CountTokensAsync("Hello", Token) > 0);
        var preview = await host.Kernel.GetRequiredService<VllmChatClient>(serviceId)
            .PreviewPromptAsync([new ChatMessage(ChatRole.User, "Hi")], null, Token);
        Assert.Equal(host.Prompts[0], preview.Text);
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

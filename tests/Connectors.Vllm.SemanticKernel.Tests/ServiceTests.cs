using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Services;
using Microsoft.SemanticKernel.TextGeneration;

namespace Connectors.Vllm.SemanticKernel.Tests;

public sealed class ServiceTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task TextGeneration_RawPrompt_SendsItWithoutTemplate()
    {
        await using var server = await VllmEmulator.StartAsync(null, Token);
        await using var provider = Build(server, builder => builder.AddVllmGrpcTextGeneration(server.Endpoint));
        var service = provider.GetRequiredService<ITextGenerationService>();
        server.Reply(" upon a time");

        var contents = await service.GetTextContentsAsync("Once", cancellationToken: Token);
        var streamed = new List<StreamingTextContent>();
        await foreach (var piece in service.GetStreamingTextContentsAsync("Once", cancellationToken: Token))
        {
            streamed.Add(piece);
        }

        Assert.Equal(" upon a time", Assert.Single(contents).Text);
        Assert.Equal(" upon a time", string.Concat(streamed.Select(piece => piece.Text)));
        Assert.Equal(server.Tokenizer.Encode("Once", addSpecialTokens: true), server.Requests[^1].PromptIds);
        Assert.NotNull(contents[0].Metadata!["Usage"]);
        Assert.Equal("stop", contents[0].Metadata!["FinishReason"]);
    }

    [Fact]
    public async Task ChatCompletion_Reasoning_ComesAndGoesAsReasoning()
    {
        await using var server = await VllmEmulator.StartAsync(null, Token);
        await using var provider = Build(server, builder => builder.AddVllmGrpcChatCompletion(
            server.Endpoint, configure: options => options.ReasoningParser = "qwen3"));
        var service = provider.GetRequiredService<IChatCompletionService>();
        server.Reply("<think>\nHm.\n</think>\n\nParis.");
        var history = new ChatHistory("Be brief.");
        history.AddUserMessage("Capital of France?");

        var answer = Assert.Single(await service.GetChatMessageContentsAsync(history, cancellationToken: Token));
        var streamed = string.Empty;
        var thought = string.Empty;
        await foreach (var piece in service.GetStreamingChatMessageContentsAsync(history, cancellationToken: Token))
        {
            streamed += string.Concat(piece.Items.OfType<StreamingTextContent>().Select(item => item.Text));
            thought += string.Concat(piece.Items.OfType<StreamingReasoningContent>().Select(item => item.Text));
        }

        Assert.Equal("Paris.", answer.Content);
        Assert.Equal("Hm.", Assert.Single(answer.Items.OfType<ReasoningContent>()).Text.Trim());
        Assert.Equal(answer.Content, streamed);
        Assert.Equal("Hm.", thought.Trim());
        Assert.Equal(AuthorRole.Assistant, answer.Role);
    }

    [Fact]
    public async Task ChatCompletion_SeveralResults_AreSeveralContents()
    {
        await using var server = await VllmEmulator.StartAsync(null, Token);
        await using var provider = Build(server, builder => builder.AddVllmGrpcChatCompletion(server.Endpoint));
        server.Reply(new ScriptedReply { Text = "one", Alternatives = ["two"] });
        var history = new ChatHistory();
        history.AddUserMessage("Hi");

        var contents = await provider.GetRequiredService<IChatCompletionService>().GetChatMessageContentsAsync(
            history, new VllmPromptExecutionSettings { ResultsPerPrompt = 2, Temperature = 1 }, cancellationToken: Token);

        Assert.Equal(["one", "two"], contents.Select(content => content.Content));
        Assert.Single(history);
    }

    [Fact]
    public async Task Settings_TypedAndLoose_SendTheSameRequest()
    {
        await using var server = await VllmEmulator.StartAsync(null, Token);
        await using var provider = Build(server, builder => builder.AddVllmGrpcChatCompletion(server.Endpoint));
        server.Reply("ok");
        var service = provider.GetRequiredService<IChatCompletionService>();
        var history = new ChatHistory();
        history.AddUserMessage("Hi");
        var typed = new VllmPromptExecutionSettings
        { Temperature = 0.5f, TopK = 7, MinP = 0.25f, MaxTokens = 9, StopSequences = ["x"], Seed = 3, RepetitionPenalty = 1.5f };
        var loose = new PromptExecutionSettings
        {
            ExtensionData = new Dictionary<string, object>
            {
                ["temperature"] = 0.5,
                ["top_k"] = 7,
                ["min_p"] = 0.25,
                ["max_tokens"] = 9,
                ["stop_sequences"] = new[] { "x" },
                ["seed"] = 3,
                ["repetition_penalty"] = 1.5,
            },
        };

        await service.GetChatMessageContentsAsync(history, typed, cancellationToken: Token);
        await service.GetChatMessageContentsAsync(history, loose, cancellationToken: Token);

        SamplingParams[] sent =
            [.. server.Requests.Where(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal))
                .Select(request => request.As<GenerateRequest>().SamplingParams)];
        Assert.Equal(sent[0], sent[1]);
        Assert.Equal(0.25f, sent[0].MinP);
    }

    [Fact]
    public void Settings_FrozenAndCloned_Behave()
    {
        var settings = new VllmPromptExecutionSettings { TopK = 5, StopSequences = ["a"] };
        var copy = (VllmPromptExecutionSettings)settings.Clone();
        settings.Freeze();

        Assert.Throws<InvalidOperationException>(() => settings.TopK = 6);
        copy.TopK = 6;
        Assert.Equal(5, settings.TopK);
        Assert.Same(settings, VllmPromptExecutionSettings.FromExecutionSettings(settings));
        Assert.Null(VllmPromptExecutionSettings.FromExecutionSettings(null).TopK);
    }

    [Fact]
    public async Task AddVllmGrpc_Keyed_RegistersBothServices()
    {
        await using var server = await VllmEmulator.StartAsync(null, Token);
        await using var provider = Build(server, builder => builder.AddVllmGrpc(server.Endpoint, "my-model", "vllm"));

        var chat = provider.GetRequiredKeyedService<IChatCompletionService>("vllm");
        Assert.NotNull(provider.GetRequiredKeyedService<ITextGenerationService>("vllm"));
        Assert.Equal("my-model", chat.Attributes[AIServiceExtensions.ModelIdKey]);
        Assert.Equal(server.Endpoint.ToString(), chat.Attributes[AIServiceExtensions.EndpointKey]);
        Assert.Null(provider.GetService<IChatCompletionService>());
    }

    private static ServiceProvider Build(VllmEmulator server, Action<IKernelBuilder> register)
    {
        _ = server;
        var builder = Kernel.CreateBuilder();
        register(builder);
        return ((ServiceCollection)builder.Services).BuildServiceProvider(validateScopes: true);
    }
}

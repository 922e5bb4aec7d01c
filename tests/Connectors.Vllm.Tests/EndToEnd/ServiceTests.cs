using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>Services of the client: through a chain of decorators, exact token counts and the prompt itself.</summary>
public sealed class ServiceTests
{
    [ContractPoint(48)]
    [Fact]
    public async Task DelegatingClients_InAChain_ReachTheServicesBelow()
    {
        await using var served = await Served.StartAsync();
        using var outer = new Wrapper(new Wrapper(served.Client));

        Assert.Same(served.Client, outer.GetService<VllmChatClient>());
        Assert.Same(served.Client, outer.GetService<IVllmTokenCounter>());
        Assert.NotNull(outer.GetService<IVllmEngine>());
        Assert.Same(outer, outer.GetService<IChatClient>());
        Assert.Equal("vllm", outer.GetService<ChatClientMetadata>()!.ProviderName);
    }

    [Fact]
    public async Task TokenCounter_MessagesToolsAndOptions_IsExactlyWhatIsSent()
    {
        await using var served = await Served.StartAsync();
        var options = new ChatOptions { Instructions = "Be kind.", Tools = [TestTools.Weather] };
        ChatMessage[] messages = [new(ChatRole.User, "Grüße 漢字 😀")];

        var counted = await served.Client.GetService<IVllmTokenCounter>()!.CountTokensAsync(messages, options, Served.Cancel);
        var preview = await served.Client.GetService<VllmChatClient>()!.PreviewPromptAsync(messages, options, Served.Cancel);
        Assert.Empty(served.Sent);
        await served.AskAsync(messages, options);

        Assert.Equal(served.LastSent.PromptIds.Count, counted);
        Assert.Equal(served.LastSent.PromptIds, preview.TokenIds);
        Assert.Equal(served.LastPrompt, preview.Text);
    }

    [Fact]
    public async Task TokenCounter_Text_IsTheTokenizersCount()
    {
        await using var served = await Served.StartAsync();

        Assert.Equal(
            served.Server.Tokenizer.Encode("Grüße <|im_end|>").Length, await served.Client.CountTokensAsync("Grüße <|im_end|>", Served.Cancel));
    }

    private sealed class Wrapper(IChatClient inner) : DelegatingChatClient(inner);
}

using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

public sealed class FirstChatTests
{
    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task GetResponse_ScriptedReply_ReturnsItsText(EmulatedServer protocol)
    {
        await using var host = await ChatHost.StartAsync(protocol);
        host.Server.Enqueue("The capital of France is Paris.");

        var response = await host.Client.GetResponseAsync("What is the capital of France?", cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("The capital of France is Paris.", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal(host.Generations[^1].PromptIds,
            host.Server.Tokenizer.Encode("<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"));
    }
}

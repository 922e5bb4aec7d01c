using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>The test server and the client as users put them together.</summary>
public sealed class TestServerTests
{
    [Theory]
    [InlineData(VllmProtocol.VllmEngine)]
    [InlineData(VllmProtocol.Inference)]
    public async Task Chat_WithTheShippedModel_WorksOutOfTheBox(VllmProtocol protocol)
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var server = await VllmTestServer.StartAsync(new VllmTestServerOptions { Protocol = protocol }, cancel);
        server.Enqueue("It is sunny in Paris.");
        await using var client = new VllmChatClient(new VllmGrpcOptions { Endpoint = server.Endpoint, ModelDirectory = server.ModelDirectory });

        var response = await client.GetResponseAsync("How is the weather in Paris?", cancellationToken: cancel);

        Assert.Equal("It is sunny in Paris.", response.Text);
        Assert.Contains("<|im_start|>user\nHow is the weather in Paris?<|im_end|>", server.Generations.Single().PromptText, StringComparison.Ordinal);
    }
}

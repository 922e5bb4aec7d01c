using Connectors.Vllm.Testing;
using Connectors.Vllm.Tests.Contract;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.EndToEnd;

/// <summary>A server that is replaced by one that tells something else about the same model, while the model's folder is named here.</summary>
public sealed class ReplacementTests
{
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, EmulatedServer.Inference)]
    [InlineData(EmulatedServer.Inference, EmulatedServer.VllmEngine)]
    public async Task GetResponse_ServerCameBackWithTheOtherProtocol_GoesOn(EmulatedServer before, EmulatedServer after)
    {
        await using var old = await StartAsync(before, "org/model");
        await using var client = Connect(old);
        Assert.Equal("Hello.", (await client.GetResponseAsync("Hi", cancellationToken: Served.Cancel)).Text);
        await old.StopAsync();
        await using var replacement = await StartAsync(after, "org/model", old.Endpoint.Port);

        Assert.Equal("Hello.", (await client.GetResponseAsync("Hi", cancellationToken: Served.Cancel)).Text);
        Assert.Equal("Hello.", (await client.GetResponseAsync("Hi", cancellationToken: Served.Cancel)).Text);
    }

    [Fact]
    public async Task GetResponse_ServerCameBackWithAnotherModel_SaysWhatDiffers()
    {
        await using var old = await StartAsync(EmulatedServer.VllmEngine, "org/model");
        await using var client = Connect(old);
        await client.GetResponseAsync("Hi", cancellationToken: Served.Cancel);
        await old.StopAsync();
        await using var replacement = await StartAsync(EmulatedServer.VllmEngine, "org/other", old.Endpoint.Port);

        var exception = await Assert.ThrowsAsync<VllmModelException>(() => client.GetResponseAsync("Hi", cancellationToken: Served.Cancel));

        Assert.Contains("org/model", exception.Message, StringComparison.Ordinal);
        Assert.Contains("org/other", exception.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(VllmGrpcOptions.ModelDirectory), exception.Message, StringComparison.Ordinal);
    }

    private static VllmChatClient Connect(VllmTestServer server)
    {
        var options = new VllmGrpcOptions { ModelDirectory = Served.TinyModelFolder };
        options.Endpoints.Add(server.Endpoint);
        return new VllmChatClient(options);
    }

    private static async Task<VllmEmulator> StartAsync(EmulatedServer kind, string model, int port = 0)
    {
        var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = kind, ModelPath = model, Port = port }, Served.Cancel);
        server.Reply("Hello.");
        return server;
    }
}

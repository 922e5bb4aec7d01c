using Connectors.Vllm.Testing;

namespace Connectors.Vllm.AgentFramework.Tests;

/// <summary>A test server and a chat client on it, over a real socket.</summary>
internal sealed class AgentHost : IAsyncDisposable
{
    private AgentHost(VllmEmulator server, VllmChatClient client)
    {
        Server = server;
        Client = client;
    }

    public VllmEmulator Server { get; }

    public VllmChatClient Client { get; }

    /// <summary>The prompts the model saw, oldest first, with their control tokens.</summary>
    public IReadOnlyList<string> Prompts =>
    [
        .. Server.Requests
            .Where(request => request.Method.Contains("/Generate", StringComparison.Ordinal))
            .Select(request => Server.Tokenizer.Decode([.. request.PromptIds!], skipSpecialTokens: false)),
    ];

    public static async Task<AgentHost> StartAsync(EmulatedServer protocol)
    {
        var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = protocol }, TestContext.Current.CancellationToken);
        var options = new VllmGrpcOptions
        {
            ModelDirectory = Path.Combine(TestPaths.RepositoryRoot, "src", "Connectors.Vllm.Testing", "TinyModel"),
            ToolCallParser = "hermes",
            ReasoningParser = "qwen3",
        };
        options.Endpoints.Add(server.Endpoint);
        return new AgentHost(server, new VllmChatClient(options));
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}

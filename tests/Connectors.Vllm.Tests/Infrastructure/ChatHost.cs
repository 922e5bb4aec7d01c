using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tests;

/// <summary>A test server and a chat client on it, over a real socket.</summary>
internal sealed class ChatHost : IAsyncDisposable
{
    private ChatHost(VllmEmulator server, VllmChatClient client)
    {
        Server = server;
        Client = client;
    }

    public VllmEmulator Server { get; }

    public VllmChatClient Client { get; }

    /// <summary>The Generate calls the server received, oldest first.</summary>
    public IReadOnlyList<CapturedRequest> Generations =>
        [.. Server.Requests.Where(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal)
            || request.Method.EndsWith("/GenerateStream", StringComparison.Ordinal))];

    /// <summary>The last Generate call of the VllmEngine protocol.</summary>
    public GenerateRequest LastEngineRequest => Generations[^1].As<GenerateRequest>();

    public static async Task<ChatHost> StartAsync(
        EmulatedServer protocol = EmulatedServer.VllmEngine, Action<VllmEmulatorOptions>? server = null, Action<VllmGrpcOptions>? client = null)
    {
        var serverOptions = new VllmEmulatorOptions { Server = protocol };
        server?.Invoke(serverOptions);
        var running = await VllmEmulator.StartAsync(serverOptions, TestContext.Current.CancellationToken);
        var options = new VllmGrpcOptions { AllowModelDownload = false, HubCacheDirectory = Path.Combine(Path.GetTempPath(), "no-hub-cache") };
        options.Endpoints.Add(running.Endpoint);
        if (protocol == EmulatedServer.Inference)
        {
            // This protocol cannot send its tokenizer.
            options.ModelDirectory = serverOptions.ModelDirectory ?? TinyModelFolder.Path;
        }

        client?.Invoke(options);
        return new ChatHost(running, new VllmChatClient(options));
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}

using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Tests;

/// <summary>A test server and a chat client on it, over a real socket.</summary>
internal sealed class ChatHost : IAsyncDisposable
{
    private ChatHost(VllmTestServer server, VllmChatClient client)
    {
        Server = server;
        Client = client;
    }

    public VllmTestServer Server { get; }

    public VllmChatClient Client { get; }

    /// <summary>The Generate calls the server received, oldest first.</summary>
    public IReadOnlyList<CapturedRequest> Generations =>
        [.. Server.Requests.Where(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal) || request.Method.EndsWith("/GenerateStream", StringComparison.Ordinal))];

    /// <summary>The last Generate call, family A.</summary>
    public GenerateRequest LastEngineRequest => Generations[^1].As<GenerateRequest>();

    public static async Task<ChatHost> StartAsync(
        VllmServerFamily family = VllmServerFamily.A, Action<VllmTestServerOptions>? server = null, Action<VllmGrpcOptions>? client = null)
    {
        var serverOptions = new VllmTestServerOptions { Family = family };
        server?.Invoke(serverOptions);
        var running = await VllmTestServer.StartAsync(serverOptions, TestContext.Current.CancellationToken);
        var options = new VllmGrpcOptions { AllowModelDownload = false, HubCacheDirectory = Path.Combine(Path.GetTempPath(), "no-hub-cache") };
        options.Endpoints.Add(running.Endpoint);
        if (family == VllmServerFamily.B)
        {
            // This family cannot send its tokenizer.
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

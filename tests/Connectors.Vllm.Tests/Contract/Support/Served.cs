using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>A server with scripted replies and a chat client connected to it over a socket.</summary>
internal sealed class Served : IAsyncDisposable
{
    private static readonly Lazy<string> TinyFolder = new(() => TinyModel.WriteTo(Directory.CreateTempSubdirectory("tiny-chat-").FullName));

    private Served(VllmEmulator server, VllmChatClient client, EmulatedServer protocol)
    {
        Server = server;
        Client = client;
        Protocol = protocol;
    }

    public static TheoryData<EmulatedServer> Protocols { get; } = new(EmulatedServer.VllmEngine, EmulatedServer.Inference);

    /// <summary>The test server's small model as a folder.</summary>
    public static string TinyModelFolder => TinyFolder.Value;

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public VllmEmulator Server { get; }

    public VllmChatClient Client { get; }

    public EmulatedServer Protocol { get; }

    /// <summary>The generations the server was asked for, oldest first.</summary>
    public IReadOnlyList<SentGeneration> Sent => [.. Server.Requests.Where(SentGeneration.Is).Select(request => new SentGeneration(request))];

    public SentGeneration LastSent => Sent[^1];

    public static async Task<Served> StartAsync(
        EmulatedServer protocol = EmulatedServer.VllmEngine, Action<VllmEmulatorOptions>? server = null, Action<VllmGrpcOptions>? client = null)
    {
        var serverOptions = new VllmEmulatorOptions { Server = protocol };
        server?.Invoke(serverOptions);
        var running = await VllmEmulator.StartAsync(serverOptions, Cancel);
        var options = OptionsFor(running, protocol, serverOptions.ModelDirectory);
        client?.Invoke(options);
        return new Served(running, new VllmChatClient(options), protocol);
    }

    /// <summary>Options of a client of this server that never looks outside for model files.</summary>
    public static VllmGrpcOptions OptionsFor(VllmEmulator server, EmulatedServer protocol, string? modelFolder = null)
    {
        var options = new VllmGrpcOptions { AllowModelDownload = false, HubCacheDirectory = Path.Combine(Path.GetTempPath(), "no-such-hub-cache") };
        options.Endpoints.Add(server.Endpoint);
        if (protocol == EmulatedServer.Inference)
        {
            // This protocol has no call that sends the tokenizer.
            options.ModelDirectory = modelFolder ?? TinyModelFolder;
        }

        return options;
    }

    public Task<ChatResponse> AskAsync(string question, ChatOptions? options = null) => Client.GetResponseAsync(question, options, Cancel);

    public Task<ChatResponse> AskAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null) =>
        Client.GetResponseAsync(messages, options, Cancel);

    public async Task<List<ChatResponseUpdate>> StreamAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in Client.GetStreamingResponseAsync(messages, options, Cancel))
        {
            updates.Add(update);
        }

        return updates;
    }

    public Task<List<ChatResponseUpdate>> StreamAsync(string question, ChatOptions? options = null) =>
        StreamAsync([new ChatMessage(ChatRole.User, question)], options);

    /// <summary>The text of the last prompt as the server got it.</summary>
    public string LastPrompt => Server.Tokenizer.Decode([.. LastSent.PromptIds], skipSpecialTokens: false);

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}

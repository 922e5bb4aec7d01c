using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Aspire;

/// <summary>A registered vLLM client, from which a chat client and an embedding generator are built.</summary>
public sealed class AspireVllmBuilder
{
    private readonly string _client;

    internal AspireVllmBuilder(IHostApplicationBuilder hostBuilder, string client, bool disableTracing)
    {
        HostBuilder = hostBuilder;
        _client = client;
        DisableTracing = disableTracing;
    }

    /// <summary>The application builder to which the client was added.</summary>
    public IHostApplicationBuilder HostBuilder { get; }

    internal bool DisableTracing { get; }

    /// <summary>Registers the client as <see cref="IChatClient"/>, with a span per request unless tracing is disabled.</summary>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public ChatClientBuilder AddChatClient() => HostBuilder.Services.AddChatClient(ChatClient);

    /// <summary>Registers the client as <see cref="IChatClient"/> under a key.</summary>
    /// <param name="serviceKey">The key.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public ChatClientBuilder AddKeyedChatClient(string serviceKey)
    {
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        return HostBuilder.Services.AddKeyedChatClient(serviceKey, ChatClient);
    }

    /// <summary>Registers the embedding generator, for a server that serves an embedding model.</summary>
    /// <returns>The builder of the generator's pipeline.</returns>
    public EmbeddingGeneratorBuilder<string, Embedding<float>> AddEmbeddingGenerator() =>
        HostBuilder.Services.AddEmbeddingGenerator(EmbeddingGenerator);

    /// <summary>Registers the embedding generator under a key.</summary>
    /// <param name="serviceKey">The key.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    public EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedEmbeddingGenerator(string serviceKey)
    {
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        return HostBuilder.Services.AddKeyedEmbeddingGenerator(serviceKey, EmbeddingGenerator);
    }

    private IChatClient ChatClient(IServiceProvider provider)
    {
        IChatClient client = provider.GetRequiredKeyedService<VllmChatClient>(_client);
        return DisableTracing ? client : client.AsBuilder().UseOpenTelemetry(provider.GetService<ILoggerFactory>()).Build(provider);
    }

    private IEmbeddingGenerator<string, Embedding<float>> EmbeddingGenerator(IServiceProvider provider)
    {
        var generator = provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>(_client);
        return DisableTracing ? generator : generator.AsBuilder().UseOpenTelemetry(provider.GetService<ILoggerFactory>()).Build(provider);
    }
}

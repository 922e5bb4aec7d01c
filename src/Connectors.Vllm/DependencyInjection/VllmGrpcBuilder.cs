using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm;

/// <summary>One registration and its decorators.</summary>
internal sealed class VllmGrpcBuilder(IServiceCollection services, object? serviceKey, string optionsName) : IVllmGrpcBuilder
{
    private readonly List<Func<IChatClient, IServiceProvider, IChatClient>> _chat = [];
    private readonly List<Func<IEmbeddingGenerator<string, Embedding<float>>, IServiceProvider, IEmbeddingGenerator<string, Embedding<float>>>> _embeddings = [];

    public IServiceCollection Services => services;

    public object? ServiceKey => serviceKey;

    public string OptionsName => optionsName;

    public IVllmGrpcBuilder Use(Func<IChatClient, IServiceProvider, IChatClient> decorate)
    {
        ArgumentNullException.ThrowIfNull(decorate);
        _chat.Add(decorate);
        return this;
    }

    public IVllmGrpcBuilder UseForEmbeddings(
        Func<IEmbeddingGenerator<string, Embedding<float>>, IServiceProvider, IEmbeddingGenerator<string, Embedding<float>>> decorate)
    {
        ArgumentNullException.ThrowIfNull(decorate);
        _embeddings.Add(decorate);
        return this;
    }

    public IChatClient BuildChatClient(IServiceProvider provider)
    {
        IChatClient client = new VllmChatClient(Runtime(provider), ownsRuntime: false);
        foreach (var decorate in _chat)
        {
            client = decorate(client, provider) ?? throw new InvalidOperationException("A decorator passed to Use returned null.");
        }

        return client;
    }

    public IEmbeddingGenerator<string, Embedding<float>> BuildGenerator(IServiceProvider provider)
    {
        IEmbeddingGenerator<string, Embedding<float>> generator = new VllmEmbeddingGenerator(Runtime(provider), ownsRuntime: false);
        foreach (var decorate in _embeddings)
        {
            generator = decorate(generator, provider) ?? throw new InvalidOperationException("A decorator passed to UseForEmbeddings returned null.");
        }

        return generator;
    }

    /// <summary>Chat client, embedding generator and engine of one registration share one runtime, which the container owns.</summary>
    public VllmRuntime Runtime(IServiceProvider provider) => provider.GetRequiredKeyedService<VllmRuntime>(this);
}

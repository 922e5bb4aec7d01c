using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace Connectors.Vllm;

/// <summary>Goes on with the registration of one vLLM server.</summary>
public interface IVllmGrpcBuilder
{
    /// <summary>The services.</summary>
    IServiceCollection Services { get; }

    /// <summary>The key the clients are registered under; null for the default registration.</summary>
    object? ServiceKey { get; }

    /// <summary>Name of the <see cref="VllmGrpcOptions"/> of this registration, for <c>Configure</c> and <c>PostConfigure</c>.</summary>
    string OptionsName { get; }

    /// <summary>
    /// Wraps the chat client: <c>.Use((inner, services) =&gt; inner.AsBuilder().UseFunctionInvocation().Build(services))</c>. Called once when the client is
    /// first resolved; of several, the last added is the outermost.
    /// </summary>
    /// <param name="decorate">Makes the outer client.</param>
    /// <returns>This builder.</returns>
    IVllmGrpcBuilder Use(Func<IChatClient, IServiceProvider, IChatClient> decorate);

    /// <summary>Wraps the embedding generator in the same way.</summary>
    /// <param name="decorate">Makes the outer generator.</param>
    /// <returns>This builder.</returns>
    IVllmGrpcBuilder UseForEmbeddings(Func<IEmbeddingGenerator<string, Embedding<float>>, IServiceProvider, IEmbeddingGenerator<string, Embedding<float>>> decorate);
}

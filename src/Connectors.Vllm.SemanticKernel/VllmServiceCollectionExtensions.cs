using Connectors.Vllm;
using Connectors.Vllm.SemanticKernel;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.TextGeneration;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>Registers Semantic Kernel services for a vLLM server in a service collection.</summary>
public static class VllmSemanticKernelServiceCollectionExtensions
{
    /// <summary>Registers chat completion, with Semantic Kernel's function invocation around the client.</summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The server's address.</param>
    /// <param name="modelId">The model's name for service selection; null takes the server's model.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Further options.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpcChatCompletion(
        this IServiceCollection services, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        return services.AddChatCompletion(AddClient(services, endpoint, modelId, configure), modelId, serviceId);
    }

    /// <summary>
    /// Registers raw text generation. A prompt function prefers this service to a bare <see cref="IChatClient"/>, and would then run without chat template
    /// and tools: register chat completion as well, or use <see cref="AddVllmGrpc(IServiceCollection, Uri, string?, string?, Action{VllmGrpcOptions}?)"/>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The server's address.</param>
    /// <param name="modelId">The model's name for service selection; null takes the server's model.</param>
    /// <param name="serviceId">Key of the registration; null registers without a key.</param>
    /// <param name="configure">Further options.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpcTextGeneration(
        this IServiceCollection services, Uri endpoint, string? modelId = null, string? serviceId = null, Action<VllmGrpcOptions>? configure = null)
    {
        return services.AddTextGeneration(AddClient(services, endpoint, modelId, configure), modelId, serviceId);
    }

    /// <summary>Registers chat completion and text generation on one connection.</summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The server's address.</param>
    /// <param name="modelId">The model's name for service selection; null takes the server's model.</param>
    /// <param name="serviceId">Key of the registrations; null registers without a key.</param>
    /// <param name="configure">Further options.</param>
    /// <returns>The services.</returns>
    public static IServiceCollection AddVllmGrpc(
        this IServiceCollection services, Uri endpoint, string? modelId, string? serviceId, Action<VllmGrpcOptions>? configure = null)
    {
        object clientKey = AddClient(services, endpoint, modelId, configure);
        return services
            .AddChatCompletion(clientKey, modelId, serviceId)
            .AddTextGeneration(clientKey, modelId, serviceId);
    }

    private static IServiceCollection AddChatCompletion(this IServiceCollection services, object clientKey, string? modelId, string? serviceId) =>
        services.AddKeyedSingleton<IChatCompletionService>(serviceId, (provider, _) => new VllmChatCompletionService(
            new ChatClientBuilder(provider.GetRequiredKeyedService<IChatClient>(clientKey))
                .UseKernelFunctionInvocation(provider.GetService<ILoggerFactory>())
                .Build(provider),
            modelId));

    private static IServiceCollection AddTextGeneration(this IServiceCollection services, object clientKey, string? modelId, string? serviceId) =>
        services.AddKeyedSingleton<ITextGenerationService>(
            serviceId, (provider, _) => new VllmTextGenerationService(provider.GetRequiredKeyedService<VllmChatClient>(clientKey), modelId));

    /// <summary>Each registration has a client of its own, under a key nobody else can have.</summary>
    private static string AddClient(IServiceCollection services, Uri endpoint, string? modelId, Action<VllmGrpcOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(endpoint);
        var key = $"semantic-kernel-{Guid.NewGuid():n}";
        services.AddKeyedVllmGrpc(key, options =>
        {
            options.Endpoints.Add(endpoint);
            options.ModelId = modelId;
            configure?.Invoke(options);
        });
        return key;
    }
}

using Connectors.Vllm.OutputParsing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Services;
using Microsoft.SemanticKernel.TextGeneration;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>The services of one server in a kernel's container. All share one connection and one loaded model.</summary>
internal sealed class KernelServices
{
    private readonly IServiceCollection _services;
    private readonly string? _serviceId;

    /// <summary>A key that nothing else can have: several registrations without a service id stay apart.</summary>
    private readonly string _client = $"semantic-kernel-{Guid.NewGuid():n}";

    private KernelServices(IServiceCollection services, string? serviceId)
    {
        _services = services;
        _serviceId = serviceId;
    }

    public static KernelServices At(
        IServiceCollection services, string endpoint, string? modelId, string? serviceId, Action<VllmGrpcOptions>? configure)
    {
        var added = new KernelServices(services, serviceId);
        services.AddKeyedVllmGrpc(added._client, endpoint, Named(modelId, configure));
        return added;
    }

    public static KernelServices At(IServiceCollection services, Uri endpoint, string? modelId, string? serviceId, Action<VllmGrpcOptions>? configure)
    {
        var added = new KernelServices(services, serviceId);
        services.AddKeyedVllmGrpc(added._client, endpoint, Named(modelId, configure));
        return added;
    }

    public static KernelServices With(IServiceCollection services, string? serviceId, Action<VllmGrpcOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var added = new KernelServices(services, serviceId);
        services.AddKeyedVllmGrpc(added._client, Named(null, configure));
        return added;
    }

    public static KernelServices From(IServiceCollection services, IConfiguration section, string? serviceId, Action<VllmGrpcOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(section);
        var added = new KernelServices(services, serviceId);
        services.AddKeyedVllmGrpc(added._client, section, options =>
        {
            if (section[nameof(VllmGrpcOptions.ReturnMalformedToolCalls)] is null)
            {
                options.ReturnMalformedToolCalls = true;
            }

            configure?.Invoke(options);
        });
        return added;
    }

    public KernelServices AddChatCompletion()
    {
        _services.AddKeyedSingleton<IChatCompletionService>(
            _serviceId, (provider, _) => new VllmChatCompletionService(Observed(provider, Client(provider)).Build(provider)));
        return this;
    }

    public KernelServices AddTextGeneration()
    {
        _services.AddKeyedSingleton<ITextGenerationService>(_serviceId, (provider, _) => new VllmTextGenerationService(Client(provider)));
        return this;
    }

    /// <summary>
    /// What applications and Microsoft.Extensions.AI ask for: the chat client with the kernel's function invocation, embeddings, token counts, prompt
    /// previews.
    /// </summary>
    public void AddClients()
    {
        _services.AddKeyedSingleton<IChatClient>(_serviceId, (provider, _) =>
            Observed(provider, Client(provider).AsBuilder().UseKernelFunctionInvocation(provider.GetService<ILoggerFactory>())).Build(provider));
        _services.AddKeyedSingleton(
            _serviceId, (provider, _) => provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>(_client));
        _services.AddKeyedSingleton<IVllmTokenCounter>(_serviceId, (provider, _) => Client(provider));
        _services.AddKeyedSingleton<VllmChatClient>(_serviceId, (provider, _) => Client(provider));
    }

    private VllmChatClient Client(IServiceProvider provider) => provider.GetRequiredKeyedService<VllmChatClient>(_client);

    private static ChatClientBuilder Observed(IServiceProvider provider, IChatClient client) => Observed(provider, client.AsBuilder());

    /// <summary>A span per request, as Microsoft.Extensions.AI emits for every provider; without a listener it costs nothing.</summary>
    private static ChatClientBuilder Observed(IServiceProvider provider, ChatClientBuilder builder) =>
        builder.UseOpenTelemetry(provider.GetService<ILoggerFactory>());

    private static Action<VllmGrpcOptions> Named(string? modelId, Action<VllmGrpcOptions>? configure) => options =>
    {
        options.ModelId = modelId;

        // A kernel tells the model what was wrong with its call, and the model tries again.
        options.ReturnMalformedToolCalls = true;
        configure?.Invoke(options);
    };
}

/// <summary>
/// What Semantic Kernel wants to know of a service. Asked anew each time: which model a server serves is known from the first request on.
/// </summary>
internal static class ServiceAttributes
{
    public static IReadOnlyDictionary<string, object?> Of(IChatClient client, string? modelId)
    {
        var attributes = new Dictionary<string, object?>(2);
        var metadata = client.GetService<ChatClientMetadata>();
        if ((modelId ?? metadata?.DefaultModelId) is { } model)
        {
            attributes[AIServiceExtensions.ModelIdKey] = model;
        }

        if (metadata?.ProviderUri is { } endpoint)
        {
            attributes[AIServiceExtensions.EndpointKey] = endpoint.ToString();
        }

        return attributes;
    }
}

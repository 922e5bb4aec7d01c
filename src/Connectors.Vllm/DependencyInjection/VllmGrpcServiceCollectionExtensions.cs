using System.Runtime.CompilerServices;
using Connectors.Vllm;
using Connectors.Vllm.Shared;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>
/// Registers vLLM servers. The methods return the builders of Microsoft.Extensions.AI, so that a pipeline is composed as with every other provider:
/// <c>services.AddVllmGrpc("http://gpu-box:50051").UseFunctionInvocation().UseOpenTelemetry();</c>
/// </summary>
/// <remarks>
/// <para>All services are singletons. In addition to <see cref="IChatClient"/>, these can be resolved: <see cref="VllmChatClient"/> (the client
/// without the pipeline around it), <see cref="IVllmTokenCounter"/>, <see cref="Connectors.Vllm.Grpc.IVllmEngine"/> and, once the model is loaded,
/// <see cref="Connectors.Vllm.Tokenizers.VllmTokenizer"/>. Nothing is sent before the first request, unless <c>Connection.Retry.WaitForReady</c> is
/// set: the host then waits at startup until the server has loaded its model.</para>
/// <para>Each call registers a server with its own options, which are validated when the host starts. As with every provider, a plain
/// <see cref="IChatClient"/> resolves to the last registration without a key. <c>services.Configure&lt;VllmGrpcOptions&gt;(…)</c> and
/// <c>PostConfigure</c> apply to all registrations without a key, and with a name to those whose key is that string.</para>
/// </remarks>
public static class VllmGrpcServiceCollectionExtensions
{
    /// <summary>
    /// Registers the vLLM server at <c>VLLM_GRPC_HOST</c>:<c>VLLM_GRPC_PORT</c> (localhost:9000 by default): a chat client and an embedding generator
    /// that share one connection.
    /// </summary>
    /// <param name="services">The service collection.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddVllmGrpc(this IServiceCollection services) => AddServer(services, null, null, null);

    /// <summary>Registers a vLLM server: a chat client and an embedding generator that share one connection.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static ChatClientBuilder AddVllmGrpc(
        this IServiceCollection services, string endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddServer(services, null, null, At(endpoint, configure));

    /// <summary>Registers a vLLM server: a chat client and an embedding generator that share one connection.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static ChatClientBuilder AddVllmGrpc(
        this IServiceCollection services, Uri endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddServer(services, null, null, At(endpoint, configure));

    /// <summary>Registers a vLLM server: a chat client and an embedding generator that share one connection.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="configure">Configures the options.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddVllmGrpc(
        this IServiceCollection services, Action<VllmGrpcOptions> configure) => AddServer(services, null, null, NotNull(configure));

    /// <summary>Registers a vLLM server: a chat client and an embedding generator that share one connection.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddVllmGrpc(
        this IServiceCollection services, IConfiguration section, Action<VllmGrpcOptions>? configure = null) =>
            AddServer(services, null, NotNull(section), configure);

    /// <summary>Registers a vLLM server under a key: a chat client and an embedding generator that share one connection.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static ChatClientBuilder AddKeyedVllmGrpc(
        this IServiceCollection services, object serviceKey, string endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddServer(services, NotNull(serviceKey), null, At(endpoint, configure));

    /// <summary>Registers a vLLM server under a key: a chat client and an embedding generator that share one connection.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static ChatClientBuilder AddKeyedVllmGrpc(
        this IServiceCollection services, object serviceKey, Uri endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddServer(services, NotNull(serviceKey), null, At(endpoint, configure));

    /// <summary>Registers a vLLM server under a key: a chat client and an embedding generator that share one connection.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="configure">Configures the options.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddKeyedVllmGrpc(
        this IServiceCollection services, object serviceKey, Action<VllmGrpcOptions> configure) =>
            AddServer(services, NotNull(serviceKey), null, NotNull(configure));

    /// <summary>Registers a vLLM server under a key: a chat client and an embedding generator that share one connection.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddKeyedVllmGrpc(
        this IServiceCollection services, object serviceKey, IConfiguration section, Action<VllmGrpcOptions>? configure = null) =>
            AddServer(services, NotNull(serviceKey), NotNull(section), configure);

    /// <summary>Registers the chat client of a vLLM server, without an embedding generator.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static ChatClientBuilder AddVllmChatClient(
        this IServiceCollection services, string endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddChat(services, null, null, At(endpoint, configure));

    /// <summary>Registers the chat client of a vLLM server, without an embedding generator.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static ChatClientBuilder AddVllmChatClient(
        this IServiceCollection services, Uri endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddChat(services, null, null, At(endpoint, configure));

    /// <summary>Registers the chat client of a vLLM server, without an embedding generator.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="configure">Configures the options.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddVllmChatClient(
        this IServiceCollection services, Action<VllmGrpcOptions> configure) => AddChat(services, null, null, NotNull(configure));

    /// <summary>Registers the chat client of a vLLM server, without an embedding generator.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddVllmChatClient(
        this IServiceCollection services, IConfiguration section, Action<VllmGrpcOptions>? configure = null) =>
            AddChat(services, null, NotNull(section), configure);

    /// <summary>Registers the chat client of a vLLM server under a key, without an embedding generator.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static ChatClientBuilder AddKeyedVllmChatClient(
        this IServiceCollection services, object serviceKey, string endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddChat(services, NotNull(serviceKey), null, At(endpoint, configure));

    /// <summary>Registers the chat client of a vLLM server under a key, without an embedding generator.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static ChatClientBuilder AddKeyedVllmChatClient(
        this IServiceCollection services, object serviceKey, Uri endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddChat(services, NotNull(serviceKey), null, At(endpoint, configure));

    /// <summary>Registers the chat client of a vLLM server under a key, without an embedding generator.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="configure">Configures the options.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddKeyedVllmChatClient(
        this IServiceCollection services, object serviceKey, Action<VllmGrpcOptions> configure) =>
            AddChat(services, NotNull(serviceKey), null, NotNull(configure));

    /// <summary>Registers the chat client of a vLLM server under a key, without an embedding generator.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The builder of the chat client's pipeline.</returns>
    public static ChatClientBuilder AddKeyedVllmChatClient(
        this IServiceCollection services, object serviceKey, IConfiguration section, Action<VllmGrpcOptions>? configure = null) =>
            AddChat(services, NotNull(serviceKey), NotNull(section), configure);

    /// <summary>Registers the embedding generator of a vLLM server that serves an embedding model.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddVllmEmbeddingGenerator(
        this IServiceCollection services, string endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddEmbeddings(services, null, null, At(endpoint, configure));

    /// <summary>Registers the embedding generator of a vLLM server that serves an embedding model.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddVllmEmbeddingGenerator(
        this IServiceCollection services, Uri endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddEmbeddings(services, null, null, At(endpoint, configure));

    /// <summary>Registers the embedding generator of a vLLM server that serves an embedding model.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="configure">Configures the options.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddVllmEmbeddingGenerator(
        this IServiceCollection services, Action<VllmGrpcOptions> configure) => AddEmbeddings(services, null, null, NotNull(configure));

    /// <summary>Registers the embedding generator of a vLLM server that serves an embedding model.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddVllmEmbeddingGenerator(
        this IServiceCollection services, IConfiguration section, Action<VllmGrpcOptions>? configure = null) =>
            AddEmbeddings(services, null, NotNull(section), configure);

    /// <summary>Registers the embedding generator of a vLLM server that serves an embedding model, under a key.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedVllmEmbeddingGenerator(
        this IServiceCollection services, object serviceKey, string endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddEmbeddings(services, NotNull(serviceKey), null, At(endpoint, configure));

    /// <summary>Registers the embedding generator of a vLLM server that serves an embedding model, under a key.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="endpoint">The server's address, for example <c>http://gpu-box:50051</c>.</param>
    /// <param name="configure">Configures further options; <see langword="null"/> keeps the defaults.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    /// <exception cref="ArgumentException"><paramref name="endpoint"/> is not a server address.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedVllmEmbeddingGenerator(
        this IServiceCollection services, object serviceKey, Uri endpoint, Action<VllmGrpcOptions>? configure = null) =>
            AddEmbeddings(services, NotNull(serviceKey), null, At(endpoint, configure));

    /// <summary>Registers the embedding generator of a vLLM server that serves an embedding model, under a key.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="configure">Configures the options.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedVllmEmbeddingGenerator(
        this IServiceCollection services, object serviceKey, Action<VllmGrpcOptions> configure) =>
            AddEmbeddings(services, NotNull(serviceKey), null, NotNull(configure));

    /// <summary>Registers the embedding generator of a vLLM server that serves an embedding model, under a key.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="serviceKey">The key of the registered services.</param>
    /// <param name="section">The configuration section to bind to <see cref="VllmGrpcOptions"/>, for example
    /// <c>configuration.GetSection("Vllm")</c>.</param>
    /// <param name="configure">Configures further options, after those of the section; <see langword="null"/> configures none.</param>
    /// <returns>The builder of the generator's pipeline.</returns>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedVllmEmbeddingGenerator(
        this IServiceCollection services, object serviceKey, IConfiguration section, Action<VllmGrpcOptions>? configure = null) =>
            AddEmbeddings(services, NotNull(serviceKey), NotNull(section), configure);

    /// <summary>
    /// Adds a health check for the registered server: whether its endpoints accept requests, and whether the model's tokenizer and template can be
    /// used (the first check loads them). Call it after registering the server.
    /// </summary>
    /// <param name="builder">The health checks builder.</param>
    /// <param name="name">The name of the check; <see langword="null"/> uses <c>vllm</c>, or <c>vllm:KEY</c> with a key.</param>
    /// <param name="serviceKey">The key of the registration to check; <see langword="null"/> checks the registrations without a key.</param>
    /// <param name="failureStatus">The status to report for a failure; <see langword="null"/> reports unhealthy. If only some endpoints are
    /// healthy, the status is degraded.</param>
    /// <param name="tags">Tags for filtering checks.</param>
    /// <param name="timeout">The time limit for the check; <see langword="null"/> relies on the limits of the connection.</param>
    /// <returns>The health checks builder.</returns>
    /// <exception cref="InvalidOperationException">No server is registered under <paramref name="serviceKey"/>.</exception>
    public static IHealthChecksBuilder AddVllmGrpc(
        this IHealthChecksBuilder builder,
        string? name = null,
        object? serviceKey = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registrations = VllmRegistration.Find(builder.Services, serviceKey);
        if (registrations.Count == 0)
        {
            throw new InvalidOperationException(serviceKey is null
                ? "No vLLM server is registered: call services.AddVllmGrpc(…) before AddHealthChecks().AddVllmGrpc()."
                : $"No vLLM server is registered under the key '{serviceKey}': call "
                    + $"services.AddKeyedVllmGrpc({(serviceKey is string ? $"\"{serviceKey}\"" : serviceKey)}, …) before the health check.");
        }

        return builder.Add(new HealthCheckRegistration(
            name ?? (serviceKey is null ? "vllm" : $"vllm:{serviceKey}"),
            provider => new VllmHealthCheck([.. registrations.Select(registration => registration.Runtime(provider))]),
            failureStatus,
            tags,
            timeout));
    }

    private static ChatClientBuilder AddServer(IServiceCollection services, object? key, IConfiguration? section, Action<VllmGrpcOptions>? configure)
    {
        var registration = VllmRegistration.Add(services, key, section, configure);
        registration.AddEmbeddingGenerator(services);
        return registration.AddChatClient(services);
    }

    private static ChatClientBuilder AddChat(IServiceCollection services, object? key, IConfiguration? section, Action<VllmGrpcOptions>? configure) =>
        VllmRegistration.Add(services, key, section, configure).AddChatClient(services);

    private static EmbeddingGeneratorBuilder<string, Embedding<float>> AddEmbeddings(
        IServiceCollection services, object? key, IConfiguration? section, Action<VllmGrpcOptions>? configure) =>
        VllmRegistration.Add(services, key, section, configure).AddEmbeddingGenerator(services);

    private static Action<VllmGrpcOptions> At(string endpoint, Action<VllmGrpcOptions>? configure) =>
        At(EndpointAddress.Parse(endpoint, nameof(endpoint)), configure);

    private static Action<VllmGrpcOptions> At(Uri endpoint, Action<VllmGrpcOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        endpoint = EndpointAddress.Normalize(endpoint, nameof(endpoint));
        return options =>
        {
            options.Endpoint = endpoint;
            configure?.Invoke(options);
        };
    }

    private static T NotNull<T>(T argument, [CallerArgumentExpression(nameof(argument))] string? name = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(argument, name);
        return argument;
    }
}

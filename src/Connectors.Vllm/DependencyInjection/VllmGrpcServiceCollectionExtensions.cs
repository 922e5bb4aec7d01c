using Connectors.Vllm;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

#pragma warning disable IDE0130 // Registration methods live where every application already looks.
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>
/// Registers a vLLM server: <see cref="IChatClient"/>, <see cref="IEmbeddingGenerator{TInput,TEmbedding}"/> of <c>string</c> and <c>Embedding&lt;float&gt;</c>,
/// and <see cref="VllmChatClient"/> (without decorators), all singletons on one connection; the engine is a service of the client. As with every provider, the last
/// registration without a key is the one a plain <see cref="IChatClient"/> resolves to. Nothing is sent before the first request.
/// </summary>
public static class VllmGrpcServiceCollectionExtensions
{
    /// <summary>Registers the server at <c>VLLM_GRPC_HOST</c>:<c>VLLM_GRPC_PORT</c> (localhost:9000 when unset).</summary>
    /// <param name="services">The services.</param>
    /// <returns>A builder for decorators.</returns>
    public static IVllmGrpcBuilder AddVllmGrpc(this IServiceCollection services) => Add(services, null, string.Empty, static _ => { });

    /// <summary>Registers a server by its address.</summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <returns>A builder for decorators.</returns>
    /// <exception cref="ArgumentException">The address is not one.</exception>
    public static IVllmGrpcBuilder AddVllmGrpc(this IServiceCollection services, string endpoint) => Add(services, null, string.Empty, At(endpoint));

    /// <summary>Registers a server by its address.</summary>
    /// <param name="services">The services.</param>
    /// <param name="endpoint">The address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <returns>A builder for decorators.</returns>
    public static IVllmGrpcBuilder AddVllmGrpc(this IServiceCollection services, Uri endpoint) => Add(services, null, string.Empty, At(endpoint));

    /// <summary>Registers a server by options.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>A builder for decorators.</returns>
    public static IVllmGrpcBuilder AddVllmGrpc(this IServiceCollection services, Action<VllmGrpcOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, null, string.Empty, configure);
    }

    /// <summary>Registers a server by a configuration section with the names of <see cref="VllmGrpcOptions"/> (<c>Endpoint</c> for a single address).</summary>
    /// <param name="services">The services.</param>
    /// <param name="section">The section, e.g. <c>configuration.GetSection("Vllm")</c>.</param>
    /// <returns>A builder for decorators.</returns>
    public static IVllmGrpcBuilder AddVllmGrpc(this IServiceCollection services, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        return Add(services, null, PathOf(section), options => VllmGrpcOptionsBinder.Bind(section, options));
    }

    /// <summary>Registers a server by its address under a key.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="endpoint">The address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <returns>A builder for decorators.</returns>
    /// <exception cref="ArgumentException">The address is not one.</exception>
    public static IVllmGrpcBuilder AddKeyedVllmGrpc(this IServiceCollection services, object serviceKey, string endpoint) =>
        Add(services, Key(serviceKey), string.Empty, At(endpoint));

    /// <summary>Registers a server by its address under a key.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="endpoint">The address, e.g. <c>http://gpu-box:50051</c>.</param>
    /// <returns>A builder for decorators.</returns>
    public static IVllmGrpcBuilder AddKeyedVllmGrpc(this IServiceCollection services, object serviceKey, Uri endpoint) =>
        Add(services, Key(serviceKey), string.Empty, At(endpoint));

    /// <summary>Registers a server by options under a key.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>A builder for decorators.</returns>
    public static IVllmGrpcBuilder AddKeyedVllmGrpc(this IServiceCollection services, object serviceKey, Action<VllmGrpcOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return Add(services, Key(serviceKey), string.Empty, configure);
    }

    /// <summary>Registers a server by a configuration section under a key.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="section">The section.</param>
    /// <returns>A builder for decorators.</returns>
    public static IVllmGrpcBuilder AddKeyedVllmGrpc(this IServiceCollection services, object serviceKey, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        return Add(services, Key(serviceKey), PathOf(section), options => VllmGrpcOptionsBinder.Bind(section, options));
    }

    private static VllmGrpcBuilder Add(IServiceCollection services, object? key, string path, Action<VllmGrpcOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        var name = key is null ? Options.Options.DefaultName : $"vllm:{key}";
        var builder = new VllmGrpcBuilder(services, key, name);
        services.AddOptions<VllmGrpcOptions>(name).Configure(configure).ValidateOnStart();
        services.AddSingleton<IValidateOptions<VllmGrpcOptions>>(new VllmGrpcOptionsValidator(name, path));
        services.AddKeyedSingleton(builder, (provider, _) => new VllmRuntime(
            provider.GetRequiredService<IOptionsMonitor<VllmGrpcOptions>>().Get(name), null, provider.GetService<ILoggerFactory>()));
        if (key is null)
        {
            services.AddSingleton(provider => builder.BuildChatClient(provider));
            services.AddSingleton(provider => builder.BuildGenerator(provider));
            services.AddSingleton<IEmbeddingGenerator>(static provider => provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>());
            services.AddSingleton(provider => new VllmChatClient(builder.Runtime(provider), ownsRuntime: false));
        }
        else
        {
            services.AddKeyedSingleton(key, (provider, _) => builder.BuildChatClient(provider));
            services.AddKeyedSingleton(key, (provider, _) => builder.BuildGenerator(provider));
            services.AddKeyedSingleton<IEmbeddingGenerator>(key, static (provider, same) => provider.GetRequiredKeyedService<IEmbeddingGenerator<string, Embedding<float>>>(same));
            services.AddKeyedSingleton(key, (provider, _) => new VllmChatClient(builder.Runtime(provider), ownsRuntime: false));
        }

        return builder;
    }

    private static Action<VllmGrpcOptions> At(string endpoint)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(endpoint);
        return Uri.TryCreate(endpoint.Contains("://", StringComparison.Ordinal) ? endpoint : "http://" + endpoint, UriKind.Absolute, out var address)
            ? At(address)
            : throw new ArgumentException($"'{endpoint}' is not a server address; write http://host:port, or https://host:port for TLS.", nameof(endpoint));
    }

    private static Action<VllmGrpcOptions> At(Uri endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return options =>
        {
            options.Endpoints.Clear();
            options.Endpoints.Add(endpoint);
        };
    }

    private static object Key(object serviceKey)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return serviceKey;
    }

    private static string PathOf(IConfiguration section) => section is IConfigurationSection named ? named.Path + ":" : string.Empty;
}

using Connectors.Vllm;
using Connectors.Vllm.Aspire;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

#pragma warning disable IDE0130 // Where every application already looks.
namespace Microsoft.Extensions.Hosting;
#pragma warning restore IDE0130

/// <summary>Adds vLLM clients to services of an Aspire application.</summary>
public static class AspireVllmExtensions
{
    /// <summary>What Microsoft.Extensions.AI names its spans and metrics.</summary>
    private const string ChatTelemetry = "Experimental.Microsoft.Extensions.AI";

    /// <summary>
    /// Adds a client of the vLLM server with this connection string. Call <see cref="AspireVllmBuilder.AddChatClient"/> or
    /// <see cref="AspireVllmBuilder.AddEmbeddingGenerator"/> on what is returned; <see cref="VllmChatClient"/> can be resolved as well.
    /// </summary>
    /// <param name="builder">The application.</param>
    /// <param name="connectionName">The connection string's name, which is the resource's name in the AppHost.</param>
    /// <param name="configureSettings">Changes settings after those of connection string and configuration; <see langword="null"/> keeps
    /// them.</param>
    /// <param name="configureOptions">Sets options of the client; <see langword="null"/> keeps those of configuration.</param>
    /// <returns>The client, for chat and embeddings.</returns>
    /// <exception cref="InvalidOperationException">There is no such connection string and no endpoint in the configuration, or it cannot be
    /// read.</exception>
    public static AspireVllmBuilder AddVllmGrpcClient(
        this IHostApplicationBuilder builder,
        string connectionName,
        Action<VllmGrpcClientSettings>? configureSettings = null,
        Action<VllmGrpcOptions>? configureOptions = null) => Add(builder, connectionName, null, configureSettings, configureOptions);

    /// <summary>As <see cref="AddVllmGrpcClient"/>, with <see cref="VllmChatClient"/> under a key.</summary>
    /// <param name="builder">The application.</param>
    /// <param name="name">The key, which is also the connection string's name.</param>
    /// <param name="configureSettings">Changes settings after those of connection string and configuration; <see langword="null"/> keeps
    /// them.</param>
    /// <param name="configureOptions">Sets options of the client; <see langword="null"/> keeps those of configuration.</param>
    /// <returns>The client, for chat and embeddings.</returns>
    /// <exception cref="InvalidOperationException">There is no such connection string and no endpoint in the configuration, or it cannot be
    /// read.</exception>
    public static AspireVllmBuilder AddKeyedVllmGrpcClient(
        this IHostApplicationBuilder builder,
        string name,
        Action<VllmGrpcClientSettings>? configureSettings = null,
        Action<VllmGrpcOptions>? configureOptions = null) => Add(builder, name, name, configureSettings, configureOptions);

    private static AspireVllmBuilder Add(
        IHostApplicationBuilder builder,
        string name,
        object? serviceKey,
        Action<VllmGrpcClientSettings>? configureSettings,
        Action<VllmGrpcOptions>? configureOptions)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var configuration = new ClientConfiguration(builder.Configuration, name);
        var settings = configuration.ReadSettings();
        configureSettings?.Invoke(settings);
        if (settings.Endpoint is null && !configuration.HasAddress)
        {
            throw new InvalidOperationException(
                $"There is no address for the vLLM client '{name}': set ConnectionStrings:{name} (in the AppHost: "
                + $"builder.AddProject<…>(…).WithReference({name})), or {ClientConfiguration.SectionName}:{name}:Endpoint.");
        }

        var client = $"aspire-vllm-{name}";
        if (configuration.Options.Exists())
        {
            builder.Services.AddKeyedVllmGrpc(client, configuration.Options, Configure);
        }
        else
        {
            builder.Services.AddKeyedVllmGrpc(client, Configure);
        }

        if (serviceKey is null)
        {
            builder.Services.AddSingleton(provider => provider.GetRequiredKeyedService<VllmChatClient>(client));
        }
        else
        {
            builder.Services.AddKeyedSingleton(serviceKey, (provider, _) => provider.GetRequiredKeyedService<VllmChatClient>(client));
        }

        if (!settings.DisableHealthChecks)
        {
            builder.Services.AddHealthChecks().AddVllmGrpc($"Vllm_{name}", client);
        }

        if (!settings.DisableTracing)
        {
            builder.Services.AddOpenTelemetry()
                .WithTracing(static traces => traces.AddSource(ChatTelemetry).AddSource(VllmTelemetry.ActivitySourceName));
        }

        if (!settings.DisableMetrics)
        {
            builder.Services.AddOpenTelemetry().WithMetrics(static metrics => metrics.AddMeter(ChatTelemetry).AddMeter(VllmTelemetry.MeterName));
        }

        return new AspireVllmBuilder(builder, client, settings.DisableTracing);

        void Configure(VllmGrpcOptions options)
        {
            if (settings.Endpoint is not null)
            {
                options.Endpoint = settings.Endpoint;
            }

            configureOptions?.Invoke(options);
        }
    }
}

using Connectors.Vllm;
using Connectors.Vllm.Aspire;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

#pragma warning disable IDE0130 // Where every application already looks.
namespace Microsoft.Extensions.Hosting;
#pragma warning restore IDE0130

/// <summary>Adds vLLM clients to the services of an Aspire application.</summary>
public static class AspireVllmExtensions
{
    /// <summary>The name of the spans and metrics of Microsoft.Extensions.AI.</summary>
    private const string ChatTelemetry = "Experimental.Microsoft.Extensions.AI";

    /// <summary>
    /// Adds a client for the vLLM server with the given connection string. Call <see cref="AspireVllmBuilder.AddChatClient"/> or
    /// <see cref="AspireVllmBuilder.AddEmbeddingGenerator"/> on the returned builder; <see cref="VllmChatClient"/> can also be resolved.
    /// </summary>
    /// <param name="builder">The application builder.</param>
    /// <param name="connectionName">The name of the connection string, which is the name of the resource in the AppHost.</param>
    /// <param name="configureSettings">Configures settings after those of the connection string and the configuration; <see langword="null"/>
    /// keeps them.</param>
    /// <param name="configureOptions">Configures options of the client; <see langword="null"/> keeps those of the configuration.</param>
    /// <returns>A builder for the chat client and the embedding generator.</returns>
    /// <exception cref="InvalidOperationException">The configuration contains neither the connection string nor an endpoint, or the
    /// connection string is invalid.</exception>
    public static AspireVllmBuilder AddVllmGrpcClient(
        this IHostApplicationBuilder builder,
        string connectionName,
        Action<VllmGrpcClientSettings>? configureSettings = null,
        Action<VllmGrpcOptions>? configureOptions = null) => Add(builder, connectionName, null, configureSettings, configureOptions);

    /// <summary>
    /// Adds a client for the vLLM server with the given connection string, with <see cref="VllmChatClient"/> registered under a key.
    /// </summary>
    /// <param name="builder">The application builder.</param>
    /// <param name="name">The key, which is also the name of the connection string.</param>
    /// <param name="configureSettings">Configures settings after those of the connection string and the configuration; <see langword="null"/>
    /// keeps them.</param>
    /// <param name="configureOptions">Configures options of the client; <see langword="null"/> keeps those of the configuration.</param>
    /// <returns>A builder for the chat client and the embedding generator.</returns>
    /// <exception cref="InvalidOperationException">The configuration contains neither the connection string nor an endpoint, or the
    /// connection string is invalid.</exception>
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

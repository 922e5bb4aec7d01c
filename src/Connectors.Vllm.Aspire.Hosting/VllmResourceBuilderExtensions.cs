using Aspire.Hosting.ApplicationModel;
using Connectors.Vllm.Aspire.Hosting;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

#pragma warning disable IDE0130 // Where every AppHost already looks.
namespace Aspire.Hosting;
#pragma warning restore IDE0130

/// <summary>Adds vLLM servers to an Aspire application.</summary>
public static class VllmResourceBuilderExtensions
{
    /// <summary>
    /// Adds a vLLM server: a container of vLLM's official image (pinned to v0.32.0) with the endpoint <c>grpc</c>, and with <c>http</c> if the
    /// protocol runs beside HTTP.
    /// </summary>
    /// <param name="builder">The application builder.</param>
    /// <param name="name">The name of the resource.</param>
    /// <param name="model">The model: an id on the Hugging Face hub (<c>Qwen/Qwen3-8B</c>), or a folder inside the container.</param>
    /// <param name="protocol"><see cref="VllmProtocol.VllmEngine"/> (the default; the server sends its tokenizer and has no HTTP endpoint),
    /// or <see cref="VllmProtocol.Inference"/> (beside HTTP).</param>
    /// <param name="grpcPort">The port on the host; <see langword="null"/> uses a free port.</param>
    /// <returns>The resource.</returns>
    /// <exception cref="ArgumentException">The model's name is empty, or the protocol is not supported.</exception>
    public static IResourceBuilder<VllmResource> AddVllm(
        this IDistributedApplicationBuilder builder,
        [ResourceName] string name,
        string model,
        VllmProtocol protocol = VllmProtocol.VllmEngine,
        int? grpcPort = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (protocol is not (VllmProtocol.VllmEngine or VllmProtocol.Inference))
        {
            throw new ArgumentException(
                $"The vLLM resource '{name}' supports the protocols VllmEngine and Inference, not {protocol}.", nameof(protocol));
        }

        var resource = new VllmResource(name, Checked(name, model), protocol);
        var added = builder.AddResource(resource)
            .WithImage(VllmLaunch.Image, VllmLaunch.Tag)
            .WithImageRegistry(VllmLaunch.Registry)
            .WithEndpoint(VllmLaunch.GrpcEndpoint, endpoint =>
            {
                endpoint.Port = grpcPort;
                endpoint.TargetPort = VllmLaunch.GrpcPort(protocol);
                endpoint.UriScheme = "http";
                endpoint.Transport = "http2";
            })
            .WithArgs(context =>
            {
                // At the time of use: whatever was called after AddVllm counts.
                foreach (var argument in VllmLaunch.Before(resource).Concat(VllmLaunch.Arguments(resource)))
                {
                    context.Args.Add(argument);
                }
            })
            .WithEnvironment(context =>
            {
                foreach (var (variable, value) in VllmLaunch.Environment(protocol))
                {
                    context.EnvironmentVariables[variable] = value;
                }
            });
        if (VllmLaunch.InstallsServicer(resource))
        {
            added.WithEntrypoint(VllmLaunch.InstallingEntrypoint);
        }

        if (protocol == VllmProtocol.Inference)
        {
            added.WithHttpEndpoint(targetPort: VllmLaunch.HttpPort, name: VllmLaunch.HttpEndpoint);
        }

        return added.WithGrpcHealthCheck(() => resource.GrpcEndpoint.IsAllocated ? new Uri(resource.GrpcEndpoint.Url) : null);
    }

    /// <summary>
    /// Adds the test server as a resource, for machines without a GPU and for tests: it runs inside the AppHost, answers on its own, and has a
    /// connection string like that of <see cref="AddVllm"/>. It is left out of what is published.
    /// </summary>
    /// <param name="builder">The application builder.</param>
    /// <param name="name">The name of the resource.</param>
    /// <param name="configure">Configures the server; <see langword="null"/> serves the small model that ships with it.</param>
    /// <returns>The resource.</returns>
    public static IResourceBuilder<VllmTestServerResource> AddVllmTestServer(
        this IDistributedApplicationBuilder builder, [ResourceName] string name,
        Action<Connectors.Vllm.Testing.VllmTestServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        var resource = new VllmTestServerResource(name, configure);
        builder.Services.AddSingleton<IHostedService>(new TestServerEnd(resource));
        return builder.AddResource(resource)
            .WithInitialState(
                new CustomResourceSnapshot { ResourceType = "vLLM test server", Properties = [], State = KnownResourceStates.NotStarted })
            .OnInitializeResource(static (started, context, cancellationToken) => started.StartAsync(context, cancellationToken))
            .ExcludeFromManifest()
            .WithGrpcHealthCheck(() => resource.Address);
    }

    /// <summary>Serves a model other than the one passed to <see cref="AddVllm"/>.</summary>
    /// <param name="builder">The resource.</param>
    /// <param name="model">The model's id on the hub, or a folder inside the container.</param>
    /// <returns>The resource.</returns>
    public static IResourceBuilder<VllmResource> WithModel(this IResourceBuilder<VllmResource> builder, string model) =>
        Set(builder, resource => resource.Model = Checked(resource.Name, model));

    /// <summary>Serves the model under a name (<c>--served-model-name</c>).</summary>
    /// <param name="builder">The resource.</param>
    /// <param name="modelName">The name.</param>
    /// <returns>The resource.</returns>
    public static IResourceBuilder<VllmResource> WithServedModelName(this IResourceBuilder<VllmResource> builder, string modelName) =>
        Set(builder, resource => resource.ServedModelName = Checked(resource.Name, modelName));

    /// <summary>Limits the number of tokens of prompt and answer together (<c>--max-model-len</c>).</summary>
    /// <param name="builder">The resource.</param>
    /// <param name="tokens">The number of tokens, above 0.</param>
    /// <returns>The resource.</returns>
    public static IResourceBuilder<VllmResource> WithMaxModelLength(this IResourceBuilder<VllmResource> builder, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens);
        return Set(builder, resource => resource.MaxModelLength = tokens);
    }

    /// <summary>Distributes the model over several GPUs (<c>--tensor-parallel-size</c>).</summary>
    /// <param name="builder">The resource.</param>
    /// <param name="gpus">The number of GPUs, above 0.</param>
    /// <returns>The resource.</returns>
    public static IResourceBuilder<VllmResource> WithTensorParallel(this IResourceBuilder<VllmResource> builder, int gpus)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(gpus);
        return Set(builder, resource => resource.TensorParallelSize = gpus);
    }

    /// <summary>Gives the container the machine's GPUs: <c>--gpus all</c> with Docker, <c>--device nvidia.com/gpu=all</c> with Podman.</summary>
    /// <param name="builder">The resource.</param>
    /// <returns>The resource.</returns>
    /// <exception cref="DistributedApplicationException">The container runtime is not supported.</exception>
    public static IResourceBuilder<VllmResource> WithGpuSupport(this IResourceBuilder<VllmResource> builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var configuration = builder.ApplicationBuilder.Configuration;
        var runtime = configuration["ASPIRE_CONTAINER_RUNTIME"] ?? configuration["DOTNET_ASPIRE_CONTAINER_RUNTIME"] ?? "docker";
        return runtime.ToLowerInvariant() switch
        {
            "docker" => builder.WithContainerRuntimeArgs("--gpus", "all", "--ipc", "host"),
            "podman" => builder.WithContainerRuntimeArgs("--device", "nvidia.com/gpu=all", "--ipc", "host"),
            _ => throw new DistributedApplicationException(
                $"WithGpuSupport of the vLLM resource '{builder.Resource.Name}' does not support the container runtime '{runtime}' "
                + "(ASPIRE_CONTAINER_RUNTIME). Use docker or podman, or pass the runtime's own flags with WithContainerRuntimeArgs."),
        };
    }

    /// <summary>Stores downloaded models in a volume, so that a new container does not download them again.</summary>
    /// <param name="builder">The resource.</param>
    /// <param name="volumeName">The name of the volume; <see langword="null"/> derives it from the application and the resource.</param>
    /// <returns>The resource.</returns>
    public static IResourceBuilder<VllmResource> WithDataVolume(this IResourceBuilder<VllmResource> builder, string? volumeName = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.WithVolume(volumeName
            ?? $"{builder.ApplicationBuilder.Environment.ApplicationName.ToLowerInvariant()}-{builder.Resource.Name}-models", VllmLaunch.ModelCache);
    }

    /// <summary>Uses a Hugging Face cache on the host for the models, for example <c>~/.cache/huggingface</c>.</summary>
    /// <param name="builder">The resource.</param>
    /// <param name="directory">The folder of the cache on the host.</param>
    /// <returns>The resource.</returns>
    public static IResourceBuilder<VllmResource> WithModelCache(this IResourceBuilder<VllmResource> builder, string directory)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        return builder.WithBindMount(directory, VllmLaunch.ModelCache);
    }

    /// <summary>Passes a token for gated models (<c>HF_TOKEN</c>).</summary>
    /// <param name="builder">The resource.</param>
    /// <param name="token">The token, as a secret parameter.</param>
    /// <returns>The resource.</returns>
    /// <exception cref="ArgumentException">The parameter is not secret: the token would be shown in the dashboard.</exception>
    public static IResourceBuilder<VllmResource> WithHuggingFaceToken(
        this IResourceBuilder<VllmResource> builder, IResourceBuilder<ParameterResource> token)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(token);
        return token.Resource.Secret
            ? builder.WithEnvironment("HF_TOKEN", token)
            : throw new ArgumentException(
                $"The Hugging Face token of the vLLM resource '{builder.Resource.Name}' must be a secret: AddParameter(\"{token.Resource.Name}\", "
                    + "secret: true).", nameof(token));
    }

    /// <summary>
    /// Sets the folder in which clients find the model's tokenizer and template. Required by the Inference protocol if the model is a folder in the
    /// container.
    /// </summary>
    /// <param name="builder">The resource.</param>
    /// <param name="directory">The folder, as seen by the clients.</param>
    /// <returns>The resource.</returns>
    public static IResourceBuilder<VllmResource> WithClientModelDirectory(this IResourceBuilder<VllmResource> builder, string directory) =>
        Set(builder, resource => resource.ClientModelDirectory = Checked(resource.Name, directory));

    /// <summary>Sets the version of the gRPC servicer that the container installs before it starts. VllmEngine protocol only.</summary>
    /// <param name="builder">The resource.</param>
    /// <param name="version">The version; <see langword="null"/> installs nothing, for a custom image that contains it.</param>
    /// <returns>The resource.</returns>
    /// <exception cref="ArgumentException"><paramref name="version"/> is not a version number.</exception>
    public static IResourceBuilder<VllmResource> WithGrpcServicer(this IResourceBuilder<VllmResource> builder, string? version) =>
        Set(builder, resource =>
        {
            if (version is not null && !VllmLaunch.IsVersion(version))
            {
                throw new ArgumentException(
                    $"The vLLM resource '{resource.Name}' cannot install version '{version}' of {VllmLaunch.ServicerPackage}: pass one such as "
                    + $"{VllmLaunch.ServicerVersion}, or null for an image that contains it.", nameof(version));
            }

            resource.ServicerVersion = version;
            resource.Entrypoint = VllmLaunch.InstallsServicer(resource) ? VllmLaunch.InstallingEntrypoint : null;
        });

    private static IResourceBuilder<VllmResource> Set(IResourceBuilder<VllmResource> builder, Action<VllmResource> set)
    {
        ArgumentNullException.ThrowIfNull(builder);
        set(builder.Resource);
        return builder;
    }

    private static string Checked(string name, string value) => string.IsNullOrWhiteSpace(value)
        ? throw new ArgumentException(
            $"The vLLM resource '{name}' requires the name of its model, for example AddVllm(\"{name}\", model: \"Qwen/Qwen3-8B\"); a name or folder "
                + "that is set must not be empty.")
        : value;

    private static IResourceBuilder<T> WithGrpcHealthCheck<T>(this IResourceBuilder<T> builder, Func<Uri?> address)
        where T : IResource
    {
        var key = $"{builder.Resource.Name}_grpc";
        builder.ApplicationBuilder.Services.AddKeyedSingleton(key, (_, _) => new VllmServerHealthCheck(address));
        builder.ApplicationBuilder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
            key, provider => provider.GetRequiredKeyedService<VllmServerHealthCheck>(key), failureStatus: null, tags: null,
            timeout: TimeSpan.FromSeconds(10)));
        return builder.WithHealthCheck(key);
    }
}

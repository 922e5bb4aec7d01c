using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm;

/// <summary>
/// One call of <c>AddVllmGrpc</c> or its like: a server with options and a runtime of its own, however many are registered and under whatever key.
/// </summary>
internal sealed class VllmRegistration
{
    private static readonly TimeSpan InteractiveFirstToken = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan InteractiveBetweenTokens = TimeSpan.FromMinutes(1);

    private readonly string _id = $"vllm-{Guid.NewGuid():n}";
    private readonly IConfiguration? _section;
    private readonly Action<VllmGrpcOptions>? _configure;

    private VllmRegistration(object? serviceKey, IConfiguration? section, Action<VllmGrpcOptions>? configure)
    {
        ServiceKey = serviceKey;
        _section = section;
        _configure = configure;
    }

    /// <summary>The key the services are registered under; null for the registration without one.</summary>
    public object? ServiceKey { get; }

    /// <summary>The name under which an application's own <c>Configure</c> and <c>PostConfigure</c> reach the options.</summary>
    private string OptionsName => ServiceKey is null ? Options.DefaultName : ServiceKey as string ?? _id;

    /// <summary>Registers the options (checked when the host starts) and the runtime, which the container owns.</summary>
    public static VllmRegistration Add(IServiceCollection services, object? serviceKey, IConfiguration? section, Action<VllmGrpcOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        var registration = new VllmRegistration(serviceKey, section, configure);
        services.AddOptions<RegisteredOptions>(registration._id)
            .Configure<IServiceProvider>((registered, provider) => registered.Value = registration.CreateOptions(provider))
            .ValidateOnStart();
        services.AddKeyedSingleton(registration, (provider, _) => new VllmRuntime(
            provider.GetRequiredService<IOptionsMonitor<RegisteredOptions>>().Get(registration._id).Value!, null,
                provider.GetService<ILoggerFactory>()));
        services.AddKeyedSingleton(registration, registration);
        services.AddSingleton<IHostedService>(provider => new WaitAtStart(registration.Runtime(provider)));
        return registration;
    }

    /// <summary>The registrations under a key, in order.</summary>
    public static IReadOnlyList<VllmRegistration> Find(IServiceCollection services, object? serviceKey) =>
    [
        .. services.Where(static service => service.IsKeyedService && service.ServiceType == typeof(VllmRegistration))
            .Select(static service => (VllmRegistration)service.ServiceKey!)
            .Where(registration => Equals(registration.ServiceKey, serviceKey)),
    ];

    /// <summary>Everything registered here shares one runtime.</summary>
    public VllmRuntime Runtime(IServiceProvider provider) => provider.GetRequiredKeyedService<VllmRuntime>(this);

    /// <summary>Registers the chat client and what belongs to it.</summary>
    public ChatClientBuilder AddChatClient(IServiceCollection services)
    {
        Add(services, provider => new VllmChatClient(Runtime(provider), ownsRuntime: false));
        Add<IVllmTokenCounter>(services, Bare);
        Add(services, provider => Runtime(provider).Engine);
        services.Add(Describe(ServiceLifetime.Transient, LoadedTokenizer));
        services.Add(Describe<Microsoft.ML.Tokenizers.Tokenizer>(ServiceLifetime.Transient, LoadedTokenizer));
        return ServiceKey is null
            ? services.AddChatClient(provider => new VllmChatClient(Runtime(provider), ownsRuntime: false))
            : services.AddKeyedChatClient(ServiceKey, provider => new VllmChatClient(Runtime(provider), ownsRuntime: false));

        VllmTokenizer LoadedTokenizer(IServiceProvider provider) => Runtime(provider).LoadedProfile?.Tokenizer ?? throw new InvalidOperationException(
            "The model's tokenizer is not loaded yet. Await VllmChatClient.GetModelProfileAsync (or any request) before resolving it, or use "
            + "IVllmTokenCounter, which waits for it.");

        VllmChatClient Bare(IServiceProvider provider) =>
            ServiceKey is null ? provider.GetRequiredService<VllmChatClient>() : provider.GetRequiredKeyedService<VllmChatClient>(ServiceKey);
    }

    /// <summary>Registers the embedding generator.</summary>
    public EmbeddingGeneratorBuilder<string, Embedding<float>> AddEmbeddingGenerator(IServiceCollection services) => ServiceKey is null
        ? services.AddEmbeddingGenerator(provider => new VllmEmbeddingGenerator(Runtime(provider), ownsRuntime: false))
        : services.AddKeyedEmbeddingGenerator(ServiceKey, provider => new VllmEmbeddingGenerator(Runtime(provider), ownsRuntime: false));

    private void Add<T>(IServiceCollection services, Func<IServiceProvider, T> create)
        where T : class => services.Add(Describe(ServiceLifetime.Singleton, create));

    private ServiceDescriptor Describe<T>(ServiceLifetime lifetime, Func<IServiceProvider, T> create)
        where T : class => ServiceKey is null
        ? ServiceDescriptor.Describe(typeof(T), create, lifetime)
        : ServiceDescriptor.DescribeKeyed(typeof(T), ServiceKey, (provider, _) => create(provider), lifetime);

    /// <summary>
    /// The registration's own settings come first, then those of the application for this name; the same steps as for any options, but for one
    /// registration.
    /// </summary>
    private VllmGrpcOptions CreateOptions(IServiceProvider provider)
    {
        var own = new ConfigureNamedOptions<VllmGrpcOptions>(OptionsName, options =>
        {
            // Somebody waits in front of most applications; the library's own defaults suit batches on a busy server.
            (options.Connection.FirstTokenTimeout, options.Connection.BetweenTokensTimeout) = (InteractiveFirstToken, InteractiveBetweenTokens);
            if (_section is not null)
            {
                var logger = (ILogger?)provider.GetService<ILoggerFactory>()?.CreateLogger("Connectors.Vllm") ?? NullLogger.Instance;
                if (ConfigurationBinding.Bind(_section, options, logger) is { Count: > 0 } problems)
                {
                    throw new OptionsValidationException(OptionsName, typeof(VllmGrpcOptions), problems);
                }
            }

            _configure?.Invoke(options);
        });
        return new OptionsFactory<VllmGrpcOptions>(
            [own, .. provider.GetServices<IConfigureOptions<VllmGrpcOptions>>()],
            provider.GetServices<IPostConfigureOptions<VllmGrpcOptions>>(),
            [new Validation(_section), .. provider.GetServices<IValidateOptions<VllmGrpcOptions>>()])
            .Create(OptionsName);
    }

    /// <summary>The options of one registration, as the options system keeps and checks them.</summary>
    internal sealed class RegisteredOptions
    {
        public VllmGrpcOptions? Value { get; set; }
    }

    /// <summary>
    /// At the start of a host, waits for a server that may still be loading its model if the options say so, and logs what it waits for.
    /// </summary>
    private sealed class WaitAtStart(VllmRuntime runtime) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            if (runtime.Options.Connection.Retry.WaitForReady > TimeSpan.Zero)
            {
                var client = new VllmGrpcClient(runtime.Engine);
                await using var leaving = client.ConfigureAwait(false);
                await client.WaitUntilReadyAsync(null, cancellationToken).ConfigureAwait(false);
            }
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>Names each invalid option by its full configuration key.</summary>
    private sealed class Validation(IConfiguration? section) : IValidateOptions<VllmGrpcOptions>
    {
        public ValidateOptionsResult Validate(string? name, VllmGrpcOptions options)
        {
            var problems = options.Check().Select(problem => $"{KeyOf(problem.MemberNames.First())}: {problem.ErrorMessage}").ToList();
            if (section is not null && options.Endpoints.Count == 0 && options.Connection.CallInvoker is null
                && Environment.GetEnvironmentVariable(VllmConnectionOptions.HostVariable) is null
                    && Environment.GetEnvironmentVariable(VllmConnectionOptions.PortVariable) is null)
            {
                problems.Add($"{KeyOf(nameof(options.Endpoint))}: The server's address is missing; set it, for example to http://gpu-box:50051, or "
                    + $"set the environment variable {VllmConnectionOptions.HostVariable}."
                    + (section is IConfigurationSection ? string.Empty
                        : " AddVllmGrpc was given a whole configuration; if the options are in a section of it, pass GetSection(\"Vllm\")."));
            }

            return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);

            // A section may be put together of several, so it is asked where the value stands.
            string KeyOf(string option) => section is null ? option : section.GetSection(option).Path;
        }
    }
}

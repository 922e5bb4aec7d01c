using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm.Tests;

public sealed class RegistrationTests(TinyHost tiny) : IClassFixture<TinyHost>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AddVllmGrpc_Address_ResolvesAWorkingClient()
    {
        await using var provider = Build(services => services.AddVllmGrpc(tiny.Host.Server.Endpoint.ToString()));

        var response = await provider.GetRequiredService<IChatClient>().GetResponseAsync("Hi", cancellationToken: Token);

        Assert.Equal("ok", response.Text);
        Assert.NotNull(provider.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>());
        Assert.NotNull(provider.GetRequiredService<IEmbeddingGenerator>());
    }

    [Fact]
    public async Task AddKeyedVllmGrpc_TwoServers_AreKeptApart()
    {
        await using var other = await VllmEmulator.StartAsync(new VllmEmulatorOptions { ServedModelName = "other" }, Token);
        other.Reply("from the other");
        await using var provider = Build(services =>
        {
            services.AddVllmGrpc(tiny.Host.Server.Endpoint);
            services.AddKeyedVllmGrpc("other", other.Endpoint);
        });

        Assert.Equal("ok", (await provider.GetRequiredService<IChatClient>().GetResponseAsync("Hi", cancellationToken: Token)).Text);
        Assert.Equal("from the other", (await provider.GetRequiredKeyedService<IChatClient>("other")
            .GetResponseAsync("Hi", cancellationToken: Token)).Text);
    }

    [Fact]
    public async Task Use_Decorators_WrapInOrder()
    {
        await using var provider = Build(services => services.AddVllmGrpc(tiny.Host.Server.Endpoint)
            .Use((inner, _) => new Marking(inner, "1"))
            .Use((inner, _) => new Marking(inner, "2")));

        var response = await provider.GetRequiredService<IChatClient>().GetResponseAsync("Hi", cancellationToken: Token);

        Assert.Equal("21", response.AdditionalProperties!["marks"]);
        Assert.IsType<VllmChatClient>(provider.GetRequiredService<IChatClient>().GetService(typeof(VllmChatClient)));
        Assert.NotNull(provider.GetRequiredService<IChatClient>().GetService(typeof(ChatClientMetadata)));
    }

    [Fact]
    public void Configuration_EveryShape_IsBound()
    {
        var configuration = Configuration(
            ("Vllm:Endpoints:0", "http://a:1"), ("Vllm:Endpoints:1", "http://b:2"), ("Vllm:ModelId", "m"), ("Vllm:AllowModelDownload", "false"),
            ("Vllm:Connection:CallTimeout", "00:00:07"), ("Vllm:Connection:Protocol", "VllmEngine"),
                ("Vllm:ChatTemplateArguments:enable_thinking", "true"));
        using var provider = Build(services => services.AddVllmGrpc(configuration.GetSection("Vllm")));

        var options = provider.GetRequiredService<VllmChatClient>().Options;

        Assert.Equal(["http://a:1/", "http://b:2/"], options.Endpoints.Select(endpoint => endpoint.ToString()));
        Assert.Equal("m", options.ModelId);
        Assert.False(options.AllowModelDownload);
        Assert.Equal(TimeSpan.FromSeconds(7), options.Connection.CallTimeout);
        Assert.Equal(VllmProtocol.VllmEngine, options.Connection.Protocol);
        Assert.Equal(true, options.ChatTemplateArguments["enable_thinking"]);
    }

    [Theory]
    [InlineData("Connection:CallTimeout", "soon")]
    [InlineData("Connection:CallTimeout", "30")]
    [InlineData("Connection:MaxTokenizerBytes", "much")]
    [InlineData("Connection:Retry:MaxRetries", "1e3")]
    [InlineData("AllowModelDownload", "maybe")]
    [InlineData("Connection:Protocol", "carrier-pigeon")]
    [InlineData("Endpoint", "http://")]
    public void Configuration_UnreadableValue_NamesTheKey(string key, string value)
    {
        using var provider = Build(services => services
            .AddVllmGrpc(Configuration(("Vllm:Endpoint", "http://gpu:1"), ($"Vllm:{key}", value)).GetSection("Vllm")));

        var error = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<VllmChatClient>());

        Assert.Contains($"Vllm:{key}", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Endpoint", "ftp://gpu:1")]
    [InlineData("ModelDirectory", "/no/such/folder")]
    [InlineData("ModelRepository", "not a repository")]
    [InlineData("Connection:CallTimeout", "-00:00:01")]
    [InlineData("Connection:ConnectTimeout", "00:00:00")]
    [InlineData("Connection:FirstTokenTimeout", "-00:01:00")]
    [InlineData("Connection:ProbeInterval", "-00:00:01")]
    [InlineData("Connection:MaxReceiveMessageBytes", "0")]
    [InlineData("Connection:MaxSendMessageBytes", "-1")]
    [InlineData("Connection:MaxTokenizerBytes", "0")]
    [InlineData("Connection:Retry:MaxRetries", "11")]
    [InlineData("Connection:Retry:BaseDelay", "-00:00:01")]
    [InlineData("Connection:Retry:OverloadTimeout", "-00:00:01")]
    [InlineData("Connection:BearerToken", "secret\n")]
    [InlineData("Connection:Metadata:two words", "value")]
    [InlineData("Connection:Metadata:grpc-timeout", "1S")]
    [InlineData("Connection:Metadata:x", "secret\r\nx: y")]
    [InlineData("Connection:Metadata:x-bin", "secret!")]
    [InlineData("Connection:RootCertificateFile", "/no/such/file")]
    [InlineData("ToolCallParser", "nonsense")]
    public void Validation_InvalidValue_NamesTheFullKeyWhenTheHostStartsAndNoSecret(string key, string value)
    {
        using var provider = Build(services => services
            .AddVllmGrpc(Configuration(("Vllm:Endpoint", "http://gpu:1"), ($"Vllm:{key}", value)).GetSection("Vllm")));

        var error = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IStartupValidator>().Validate());

        Assert.Contains($"Vllm:{key}", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HealthCheck_RunningAndStoppedServer_Tells()
    {
        var server = await VllmEmulator.StartAsync(null, Token);
        await using var provider = Build(services =>
        {
            services.AddVllmGrpc(options =>
            {
                options.Endpoints.Add(server.Endpoint);
                options.Connection.Retry.MaxRetries = 0;
            });
            services.AddSingleton(typeof(ILogger<>), typeof(NullLogger<>));
            services.AddHealthChecks().AddVllmGrpc();
        });
        var health = provider.GetRequiredService<HealthCheckService>();

        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Token)).Status);
        await server.DisposeAsync();
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync(Token)).Status);
    }

    [Fact]
    public async Task HealthCheck_OneOfTwoEndpointsIsDead_IsDegradedWithDataOfBoth()
    {
        await using var alive = await VllmEmulator.StartAsync(null, Token);
        var dead = await VllmEmulator.StartAsync(null, Token);
        await dead.DisposeAsync();
        await using var provider = Build(services =>
        {
            services.AddVllmGrpc(options =>
            {
                options.Endpoints.Add(dead.Endpoint);
                options.Endpoints.Add(alive.Endpoint);
                options.Connection.Retry.MaxRetries = 0;
            });
            services.AddLogging();
            services.AddHealthChecks().AddVllmGrpc();
        });

        var report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token);

        var entry = report.Entries["vllm"];
        Assert.Equal(HealthStatus.Degraded, entry.Status);
        Assert.Contains("1 of 2", entry.Description);
        Assert.Contains(dead.Endpoint.ToString(), entry.Description);
        Assert.Equal("healthy", entry.Data[alive.Endpoint.ToString()]);
        Assert.NotEqual("healthy", entry.Data[dead.Endpoint.ToString()]);
    }

    [Fact]
    public async Task HealthCheck_TokenizerCannotBeFound_IsNotHealthy()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference }, Token);
        await using var provider = Build(services =>
        {
            services.AddVllmGrpc(server.Endpoint, options => (options.AllowModelDownload, options.HubCacheDirectory) = (false, "/no/such/cache"));
            services.AddLogging();
            services.AddHealthChecks().AddVllmGrpc();
        });

        var report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token);

        Assert.Equal(HealthStatus.Unhealthy, report.Status);
        Assert.Contains("tokenizer", report.Entries["vllm"].Description, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void HealthCheck_UnknownKey_FailsAtRegistration()
    {
        var services = new ServiceCollection();
        services.AddKeyedVllmGrpc("known", "http://gpu:1");

        Assert.Contains("'unknown'", Assert.Throws<InvalidOperationException>(() =>
            services.AddHealthChecks().AddVllmGrpc(serviceKey: "unknown")).Message);
        Assert.Throws<InvalidOperationException>(() => services.AddHealthChecks().AddVllmGrpc());
        services.AddHealthChecks().AddVllmGrpc(serviceKey: "known");
    }

    [Fact]
    public async Task Dispose_Container_DisposesClients()
    {
        var provider = Build(services => services.AddVllmGrpc(tiny.Host.Server.Endpoint));
        var client = provider.GetRequiredService<IChatClient>();
        await client.GetResponseAsync("Hi", cancellationToken: Token);

        provider.Dispose();

        Assert.Throws<ObjectDisposedException>(() => client.GetStreamingResponseAsync("Hi", cancellationToken: Token));
        client.Dispose();
    }

    [Fact]
    public async Task Client_OnABorrowedEngine_LeavesItAlive()
    {
        await using var engine = VllmGrpcClient.CreateEngine(VllmConnectionOptions.ForEndpoint(tiny.Host.Server.Endpoint.ToString()));
        var client = new VllmChatClient(engine);
        Assert.Equal("ok", (await client.GetResponseAsync("Hi", cancellationToken: Token)).Text);

        client.Dispose();
        client.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("Hi", cancellationToken: Token));
        Assert.True((await engine.HealthAsync(Token)).IsHealthy);
    }

    [Fact]
    public async Task GetService_KnownAndUnknown_AnswersAsConventional()
    {
        using var client = new VllmChatClient(tiny.Host.Server.Endpoint);

        var metadata = (ChatClientMetadata)client.GetService(typeof(ChatClientMetadata))!;
        Assert.Equal("vllm", metadata.ProviderName);
        Assert.Equal(tiny.Host.Server.Endpoint, metadata.ProviderUri);
        Assert.Same(client, client.GetService(typeof(IChatClient)));
        Assert.Same(client, client.GetService(typeof(IVllmTokenCounter)));
        Assert.NotNull(client.GetService(typeof(IVllmEngine)));
        Assert.Null(client.GetService(typeof(string)));
        Assert.Null(client.GetService(typeof(VllmChatClient), "key"));
        Assert.Throws<ArgumentNullException>(() => client.GetService(null!));
        Assert.Null(client.GetService(typeof(VllmModelProfile)));

        await client.GetModelProfileAsync(Token);
        Assert.NotNull(client.GetService(typeof(VllmModelProfile)));
        Assert.Equal(TinyModel.Name, ((ChatClientMetadata)client.GetService(typeof(ChatClientMetadata))!).DefaultModelId);
        Assert.Equal(client.GetService<IVllmTokenCounter>() is { } counter ? await counter.CountTokensAsync("hello world", Token) : -1,
            tiny.Host.Server.Tokenizer.Encode("hello world").Length);
    }

    [Fact]
    public void Arguments_Null_ThrowEagerly()
    {
        using var client = new VllmChatClient(tiny.Host.Server.Endpoint);

        Assert.Equal("messages", Assert.Throws<ArgumentNullException>(() =>
            { client.GetStreamingResponseAsync((IEnumerable<ChatMessage>)null!, cancellationToken: Token); }).ParamName);
        Assert.Equal("options", Assert.Throws<ArgumentNullException>(() => new VllmChatClient((VllmGrpcOptions)null!)).ParamName);
        Assert.Equal("engine", Assert.Throws<ArgumentNullException>(() => new VllmChatClient((IVllmEngine)null!)).ParamName);
        Assert.Throws<ArgumentException>(() => new VllmChatClient("not an address"));
    }

    [Fact]
    public async Task Profile_ManyFirstCalls_LoadOnce()
    {
        await using var host = await ChatHost.StartAsync();
        host.Server.Reply("ok");

        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => host.Client.GetResponseAsync("Hi", cancellationToken: Token)));

        Assert.Single(host.Server.Requests, request => request.Method.EndsWith("/GetTokenizer", StringComparison.Ordinal));
    }

    private static ServiceProvider Build(Action<IServiceCollection> register)
    {
        var services = new ServiceCollection();
        register(services);
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateScopes = true, ValidateOnBuild = true });
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(
            values.GroupBy(value => value.Key).Select(same => KeyValuePair.Create(same.Key, (string?)same.Last().Value))).Build();

    private sealed class Marking(IChatClient inner, string mark) : DelegatingChatClient(inner)
    {
        public override async Task<ChatResponse> GetResponseAsync(
            IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            var response = await base.GetResponseAsync(messages, options, cancellationToken);
            (response.AdditionalProperties ??= [])["marks"] = (response.AdditionalProperties.GetValueOrDefault("marks") as string) + mark;
            return response;
        }
    }
}

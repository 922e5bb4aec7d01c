using Connectors.Vllm.Testing;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>Registration in a container.</summary>
public sealed class RegistrationTests
{
    private static readonly ServiceProviderOptions Strict = new() { ValidateScopes = true, ValidateOnBuild = true };

    [ContractPoint(51)]
    [Fact]
    public async Task AddVllmGrpc_Address_GivesChatClientAndEmbeddingGeneratorOnOneEngine()
    {
        await using var server = await StartAsync("one");
        await using var container = Build(services => services.AddVllmGrpc(server.Endpoint.ToString()));

        var response = await container.GetRequiredService<IChatClient>().GetResponseAsync("Hi", cancellationToken: Served.Cancel);

        Assert.Equal("one", response.ModelId);
        Assert.NotNull(container.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>());
        Assert.Same(
            container.GetRequiredService<IChatClient>().GetService<Connectors.Vllm.Grpc.IVllmEngine>(),
            container.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>().GetService<Connectors.Vllm.Grpc.IVllmEngine>());
        Assert.Same(container.GetRequiredService<IChatClient>(), container.GetRequiredService<IChatClient>());
    }

    [ContractPoint(51)]
    [Fact]
    public async Task AddKeyedVllmGrpc_TwoServersAndADefault_AreThreeClients()
    {
        await using var small = await StartAsync("small");
        await using var large = await StartAsync("large");
        await using var container = Build(services =>
        {
            services.AddVllmGrpc(small.Endpoint);
            services.AddKeyedVllmGrpc("small", small.Endpoint);
            services.AddKeyedVllmGrpc("large", options => options.Endpoints.Add(large.Endpoint));
        });

        Assert.Equal("small", await ModelAsync(container.GetRequiredService<IChatClient>()));
        Assert.Equal("small", await ModelAsync(container.GetRequiredKeyedService<IChatClient>("small")));
        Assert.Equal("large", await ModelAsync(container.GetRequiredKeyedService<IChatClient>("large")));
        Assert.NotSame(container.GetRequiredService<IChatClient>(), container.GetRequiredKeyedService<IChatClient>("small"));
        Assert.Null(container.GetKeyedService<IChatClient>("medium"));
    }

    [ContractPoint(51)]
    [Fact]
    public async Task AddVllmGrpc_BesideAnotherProvider_TheLastRegistrationWinsAndBothAreThere()
    {
        await using var server = await StartAsync("ours");
        await using var oursLast = Build(services =>
        {
            services.AddSingleton(OtherProvider());
            services.AddVllmGrpc(server.Endpoint);
        });
        await using var otherLast = Build(services =>
        {
            services.AddVllmGrpc(server.Endpoint);
            services.AddSingleton(OtherProvider());
        });

        Assert.IsType<VllmChatClient>(oursLast.GetRequiredService<IChatClient>());
        Assert.Equal("openai", otherLast.GetRequiredService<IChatClient>().GetService<ChatClientMetadata>()!.ProviderName);
        Assert.Equal(2, oursLast.GetServices<IChatClient>().Count());
    }

    [Fact]
    public async Task Use_Decorators_WrapAsInAnyChatClientBuilderTheFirstOutermost()
    {
        await using var server = await StartAsync("ours");
        await using var container = Build(services => services.AddVllmGrpc(server.Endpoint)
            .Use((inner, provider) => new Named(inner, provider is null ? "none" : "outer")).Use((inner, _) => new Named(inner, "inner")));

        var outer = Assert.IsType<Named>(container.GetRequiredService<IChatClient>());

        Assert.Equal("outer", outer.Name);
        Assert.NotNull(outer.GetService<VllmChatClient>());
        Assert.Equal("ours", await ModelAsync(outer));
    }

    [ContractPoint(51)]
    [Fact]
    public async Task AddVllmGrpc_Configuration_BindsEveryKindOfValue()
    {
        await using var server = await StartAsync("ours");
        IConfiguration configuration = Configuration(
            ("Vllm:Endpoint", server.Endpoint.ToString()),
            ("Vllm:ModelId", "named"),
            ("Vllm:SendReasoningHistory", "false"),
            ("Vllm:ContentFormat", "OpenAI"),
            ("Vllm:Connection:CallTimeout", "00:00:07"),
            ("Vllm:Connection:Metadata:authorization", "Bearer x"),
            ("Vllm:Connection:Retry:MaxRetries", "1"),
            ("Vllm:ChatTemplateArguments:enable_thinking", "false"));
        await using var container = Build(services => services.AddVllmGrpc(configuration.GetSection("Vllm")));

        var options = container.GetRequiredService<VllmChatClient>().Options;
        await container.GetRequiredService<IChatClient>().GetResponseAsync("Hi", cancellationToken: Served.Cancel);

        Assert.Equal(server.Endpoint, Assert.Single(options.Endpoints));
        Assert.Equal("named", options.ModelId);
        Assert.False(options.SendReasoningHistory);
        Assert.Equal(ChatTemplates.ChatContentFormat.OpenAI, options.ContentFormat);
        Assert.Equal(TimeSpan.FromSeconds(7), options.Connection.CallTimeout);
        Assert.Equal(1, options.Connection.Retry.MaxRetries);
        Assert.Equal(false, options.ChatTemplateArguments["enable_thinking"]);
        Assert.All(server.Requests, request => Assert.Equal("Bearer x", request.Metadata["authorization"]));
    }

    [ContractPoint(51)]
    [Theory]
    [InlineData("Vllm:Endpoint", "http://host:1/path", "Vllm:Endpoint")]
    [InlineData("Vllm:Endpoint", "ftp://host", "Vllm:Endpoint")]
    [InlineData("Vllm:Connection:CallTimeout", "-00:00:01", "Vllm:Connection:CallTimeout")]
    [InlineData("Vllm:Connection:CallTimeout", "soon", "Vllm:Connection:CallTimeout")]
    [InlineData("Vllm:ModelDirectory", "/no/such/folder", "Vllm:ModelDirectory")]
    [InlineData("Vllm:ModelRepository", "not a repository", "Vllm:ModelRepository")]
    [InlineData("Vllm:SendReasoningHistory", "maybe", "Vllm:SendReasoningHistory")]
    [InlineData("Vllm:ContentFormat", "xml", "Vllm:ContentFormat")]
    public async Task AddVllmGrpc_BadConfiguration_IsRefusedWithItsFullKey(string key, string value, string named)
    {
        var configuration = Configuration([("Vllm:Endpoint", "http://gpu:1"), (key, value)]);
        await using var container = Build(services => services.AddVllmGrpc(configuration.GetSection("Vllm")));

        var error = Assert.ThrowsAny<Exception>(() => container.GetRequiredService<IStartupValidator>().Validate());

        Assert.Contains(named, error.Message);
    }

    [ContractPoint(51)]
    [Fact]
    public async Task Options_OfAKeyedRegistration_CanBeConfiguredByTheKey()
    {
        await using var server = await StartAsync("ours");
        await using var container = Build(services =>
        {
            services.AddKeyedVllmGrpc("a", server.Endpoint);
            services.AddVllmGrpc(server.Endpoint);
            services.Configure<VllmGrpcOptions>("a", options => options.ModelId = "later");
        });

        Assert.Equal("later", container.GetRequiredKeyedService<IChatClient>("a").GetService<ChatClientMetadata>()!.DefaultModelId);
        Assert.Null(container.GetRequiredService<IChatClient>().GetService<ChatClientMetadata>()!.DefaultModelId);
    }

    [ContractPoint(51)]
    [Fact]
    public async Task AddVllmGrpc_Twice_EachClientKeepsItsOwnServer()
    {
        await using var first = await StartAsync("first");
        await using var second = await StartAsync("second");
        await using var container = Build(services =>
        {
            services.AddVllmGrpc(options => options.Endpoints.Add(first.Endpoint));
            services.AddVllmGrpc(options => options.Endpoints.Add(second.Endpoint));
            services.AddVllmGrpc(first.Endpoint.ToString());
            services.AddVllmGrpc(second.Endpoint.ToString());
        });

        var models = new List<string?>();
        foreach (var client in container.GetServices<IChatClient>())
        {
            models.Add(await ModelAsync(client));
            models.Add(await ModelAsync(client));
        }

        Assert.Equal(["first", "first", "second", "second", "first", "first", "second", "second"], models);
    }

    [Fact]
    public async Task AddKeyedVllmGrpc_KeysThatReadAlike_AreKeptApart()
    {
        await using var first = await StartAsync("first");
        await using var second = await StartAsync("second");
        await using var container = Build(services =>
        {
            services.AddKeyedVllmGrpc(1, first.Endpoint);
            services.AddKeyedVllmGrpc("1", second.Endpoint);
        });

        Assert.Equal("first", await ModelAsync(container.GetRequiredKeyedService<IChatClient>(1)));
        Assert.Equal("second", await ModelAsync(container.GetRequiredKeyedService<IChatClient>("1")));
    }

    [Fact]
    public async Task AddVllmChatClientAndEmbeddingGenerator_TwoServers_EachServesItsOwn()
    {
        await using var chat = await StartAsync("chat");
        await using var embeddings = await StartAsync("embeddings");
        await using var container = Build(services =>
        {
            services.AddVllmChatClient(chat.Endpoint);
            services.AddVllmEmbeddingGenerator(embeddings.Endpoint);
            services.AddKeyedVllmChatClient("k", chat.Endpoint);
            services.AddKeyedVllmEmbeddingGenerator("k", embeddings.Endpoint);
        });

        Assert.Equal(chat.Endpoint, container.GetRequiredService<IChatClient>().GetService<ChatClientMetadata>()!.ProviderUri);
        Assert.Equal(embeddings.Endpoint, container.GetRequiredService<IEmbeddingGenerator<string,
            Embedding<float>>>().GetService<EmbeddingGeneratorMetadata>()!.ProviderUri);
        Assert.Equal(chat.Endpoint, container.GetRequiredKeyedService<IChatClient>("k").GetService<ChatClientMetadata>()!.ProviderUri);
        Assert.Equal(
            embeddings.Endpoint,
            container.GetRequiredKeyedService<IEmbeddingGenerator<string,
                Embedding<float>>>("k").GetService<EmbeddingGeneratorMetadata>()!.ProviderUri);
        Assert.NotNull(container.GetRequiredKeyedService<IEmbeddingGenerator>("k"));
    }

    [Fact]
    public async Task Services_BesideTheChatClient_AreResolvable()
    {
        await using var server = await StartAsync("ours");
        await using var container = Build(services =>
        {
            services.AddVllmGrpc(server.Endpoint);
            services.AddKeyedVllmGrpc("k", server.Endpoint);
        });

        var early = Assert.Throws<InvalidOperationException>(() => container.GetRequiredService<Tokenizers.VllmTokenizer>());
        var count = await container.GetRequiredService<IVllmTokenCounter>().CountTokensAsync("hello world", Served.Cancel);

        Assert.Contains("GetModelProfileAsync", early.Message);
        Assert.Equal(count, container.GetRequiredService<Tokenizers.VllmTokenizer>().CountTokens("hello world"));
        Assert.Same(container.GetRequiredService<Tokenizers.VllmTokenizer>(), container.GetRequiredService<Microsoft.ML.Tokenizers.Tokenizer>());
        Assert.Equal(server.Endpoint, container.GetRequiredService<Grpc.IVllmEngine>().Endpoint);
        Assert.NotNull(container.GetRequiredKeyedService<VllmChatClient>("k"));
        Assert.NotNull(container.GetRequiredKeyedService<Grpc.IVllmEngine>("k"));
    }

    [Fact]
    public async Task Options_ChangedAfterwards_DoNotReachTheClient()
    {
        await using var server = await StartAsync("ours");
        var options = new VllmGrpcOptions { Endpoint = server.Endpoint };
        await using var client = new VllmChatClient(options);

        options.Endpoint = new Uri("http://localhost:1");
        options.ModelDirectory = "/no/such/folder";
        options.Connection.ApplyModelSamplingDefaults = false;

        Assert.Equal("ours", await ModelAsync(client));
        Assert.True(client.Options.Connection.ApplyModelSamplingDefaults);
    }

    [Fact]
    public void Options_Copied_KeepEveryProperty()
    {
        var options = new VllmGrpcOptions { Endpoint = new Uri("http://gpu:1") };
        Change(options);
        Change(options.Connection);
        Change(options.Connection.Retry);
        options.ChatTemplateArguments["a"] = 1;
        options.Connection.Metadata["b"] = "2";

        var copy = options.Clone();

        Equal(options, copy);
        Equal(options.Connection, copy.Connection);
        Equal(options.Connection.Retry, copy.Connection.Retry);
        Assert.NotSame(options.Endpoints, copy.Endpoints);
        Assert.NotSame(options.Connection.Retry, copy.Connection.Retry);

        static IEnumerable<System.Reflection.PropertyInfo> Settable(object target) =>
            target.GetType().GetProperties().Where(property =>
                property.SetMethod?.IsPublic == true && property.PropertyType != typeof(Grpc.VllmRetryOptions));

        static void Equal(object expected, object actual) =>
            Assert.All(expected.GetType().GetProperties()
                .Where(property => !property.PropertyType.Name.EndsWith("Options", StringComparison.Ordinal)), property =>
                Assert.Equal(property.GetValue(expected), property.GetValue(actual)));

        static void Change(object target)
        {
            foreach (var property in Settable(target).Where(property => property.Name != nameof(VllmGrpcOptions.Endpoint)))
            {
                var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
                var before = property.GetValue(target);
                property.SetValue(target, type == typeof(string) ? property.Name
                    : type == typeof(bool) ? !(bool)before!
                    : type == typeof(int) ? (int)before! - 1
                    : type == typeof(long) ? (long)before! - 1
                    : type == typeof(TimeSpan) ? TimeSpan.FromSeconds(123)
                    : type == typeof(Uri) ? new Uri("http://changed:1")
                    : type.IsEnum ? Enum.GetValues(type).GetValue(1)
                    : type == typeof(CallCredentials) ? CallCredentials.FromInterceptor(static (_, _) => Task.CompletedTask)
                    : type == typeof(HttpMessageHandler) ? new SocketsHttpHandler()
                    : type == typeof(CallInvoker) ? GrpcChannel.ForAddress("http://localhost:1").CreateCallInvoker()
                    : type == typeof(Action<GrpcChannelOptions>) ? new Action<GrpcChannelOptions>(static _ => { })
                    : type == typeof(Microsoft.ML.Tokenizers.Tokenizer) ? Tokenizers.VllmTokenizer.FromDirectory(Served.TinyModelFolder)
                    : type == typeof(IProgress<ModelDownloadProgress>) ? new Progress<ModelDownloadProgress>()
                    : type == typeof(Action<System.Net.Security.SslClientAuthenticationOptions>)
                        ? new Action<System.Net.Security.SslClientAuthenticationOptions>(_ => { })
                    : throw new InvalidOperationException($"How is {property.Name} changed?"));
                Assert.NotEqual(before, property.GetValue(target));
            }
        }
    }

    [ContractPoint(51)]
    [Fact]
    public async Task Container_Disposed_ClosesTheClientOnce()
    {
        await using var server = await StartAsync("ours");
        var container = Build(services => services.AddVllmGrpc(server.Endpoint).Use((inner, _) => new Named(inner, "outer")));
        var client = container.GetRequiredService<IChatClient>();
        await ModelAsync(client);

        await container.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => ModelAsync(client));
    }

    [Fact]
    public async Task GetService_Resolving_SendsNothing()
    {
        await using var server = await StartAsync("ours");
        await using var container = Build(services => services.AddVllmGrpc(server.Endpoint));

        _ = container.GetRequiredService<IChatClient>().GetService<ChatClientMetadata>();
        _ = container.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();

        Assert.Empty(server.Requests);
        Assert.Equal(0, server.AcceptedConnections);
    }

    [ContractPoint(51)]
    [Fact]
    public async Task AddVllmGrpc_TwoEndpointsAndOneDies_AnswersGoOn()
    {
        var first = await StartAsync("ours");
        await using var second = await StartAsync("ours");
        await using var container = Build(services => services.AddVllmGrpc(options =>
        {
            options.Endpoints.Add(first.Endpoint);
            options.Endpoints.Add(second.Endpoint);
            options.Connection.PrefixAffinity = false; // Else both take the same question to the same server.
        }));
        var client = container.GetRequiredService<IChatClient>();
        await ModelAsync(client);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = new ScriptedReply { Text = "Two words", HoldAfterMessages = 1, Hold = gate.Task };
        first.Enqueue(held);
        second.Enqueue(held);
        Task<string?>[] calls = [ModelAsync(client), ModelAsync(client)];
        await Task.WhenAll(first.WaitForRequestAsync(SentGeneration.Is, Served.Cancel), second.WaitForRequestAsync(SentGeneration.Is, Served.Cancel))
            .WaitAsync(TimeSpan.FromSeconds(20), Served.Cancel);
        gate.SetResult();
        Assert.All(await Task.WhenAll(calls), model => Assert.Equal("ours", model));

        await first.DisposeAsync();

        for (var i = 0; i < 4; i++)
        {
            Assert.Equal("ours", await ModelAsync(client));
        }
    }

    [Fact]
    public async Task AddVllmGrpc_EndpointsOfDifferentModels_AreRefusedWithBothNames()
    {
        await using var first = await StartAsync("small", "org/small");
        await using var second = await StartAsync("large", "org/large");
        await using var container = Build(services => services.AddVllmGrpc(options =>
        {
            options.Endpoints.Add(first.Endpoint);
            options.Endpoints.Add(second.Endpoint);
            options.Connection.PrefixAffinity = false;
        }));
        var client = container.GetRequiredService<IChatClient>();

        var error = await Assert.ThrowsAsync<VllmRequestException>(async () =>
        {
            for (var i = 0; i < 8; i++)
            {
                await ModelAsync(client);
            }
        });

        Assert.Contains("'small'", error.Message);
        Assert.Contains("'large'", error.Message);
    }

    [Fact]
    public async Task ModelId_OfAResponse_NamesWhatAnswered()
    {
        await using var first = await StartAsync("one-name", "org/same");
        await using var second = await StartAsync("another-name", "org/same");
        await using var client = new VllmChatClient(
            new VllmGrpcOptions { Endpoints = { first.Endpoint, second.Endpoint }, ModelId = "not-served", Connection = { PrefixAffinity = false } });

        var names = new HashSet<string?>();
        for (var i = 0; i < 8; i++)
        {
            names.Add(await ModelAsync(client));
        }

        Assert.Equal(["another-name", "one-name"], names.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Served.Protocols), MemberType = typeof(Served))]
    public async Task RequireServedModel_ConfiguredNameIsNotServed_Refuses(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol, client: options =>
            (options.ModelId, options.RequireServedModel) = ("wrong-name", true));

        var error = await Assert.ThrowsAsync<VllmRequestException>(() => served.AskAsync("Hi"));

        Assert.Contains("'wrong-name'", error.Message);
        Assert.Equal("ModelId", error.Parameter);
        Assert.Empty(served.Sent);
    }

    private static IChatClient OtherProvider() =>
        new OpenAI.Chat.ChatClient("other", new System.ClientModel.ApiKeyCredential("none"),
            new OpenAI.OpenAIClientOptions { Endpoint = new Uri("http://localhost:1/v1") }).AsIChatClient();

    private static Task<VllmEmulator> StartAsync(string model, string? path = null) =>
        VllmEmulator.StartAsync(new VllmEmulatorOptions { ServedModelName = model, ModelPath = path }, Served.Cancel);

    private static ServiceProvider Build(Action<IServiceCollection> register)
    {
        var services = new ServiceCollection();
        register(services);
        return services.BuildServiceProvider(Strict);
    }

    private static IConfigurationRoot Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(
            values.GroupBy(pair => pair.Key).Select(pairs => KeyValuePair.Create(pairs.Key, (string?)pairs.Last().Value))).Build();

    private static async Task<string?> ModelAsync(IChatClient client) =>
        (await client.GetResponseAsync("Hi", cancellationToken: Served.Cancel)).ModelId;

    private sealed class Named(IChatClient inner, string name) : DelegatingChatClient(inner)
    {
        public string Name => name;
    }
}

using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>Making clients, what they offer as services, and disposing of them.</summary>
public sealed class ConstructionTests
{
    public static TheoryData<EmulatedServer> Protocols => Served.Protocols;

    [ContractPoint(1)]
    [Fact]
    public void Constructor_NullOrEmptyArguments_NameTheParameter()
    {
        Assert.Equal("endpoint", Assert.Throws<ArgumentNullException>(() => new VllmChatClient((string)null!)).ParamName);
        Assert.Equal("endpoint", Assert.Throws<ArgumentException>(() => new VllmChatClient(" ")).ParamName);
        Assert.Equal("endpoint", Assert.Throws<ArgumentNullException>(() => new VllmChatClient((Uri)null!)).ParamName);
        Assert.Equal("options", Assert.Throws<ArgumentNullException>(() => new VllmChatClient((VllmGrpcOptions)null!)).ParamName);
        Assert.Equal("engine", Assert.Throws<ArgumentNullException>(() => new VllmChatClient((IVllmEngine)null!)).ParamName);
        Assert.Equal("endpoint", Assert.Throws<ArgumentNullException>(() => new VllmEmbeddingGenerator((Uri)null!)).ParamName);
    }

    [ContractPoint(2)]
    [Fact]
    public async Task Metadata_BeforeAnyCall_HasProviderAddressAndConfiguredModel()
    {
        await using var client = new VllmChatClient(new VllmGrpcOptions { ModelId = "my-model", Endpoints = { new Uri("http://gpu-box:50051") } });

        var metadata = Assert.IsType<ChatClientMetadata>(client.GetService(typeof(ChatClientMetadata)));

        Assert.Equal("vllm", metadata.ProviderName);
        Assert.Equal(new Uri("http://gpu-box:50051"), metadata.ProviderUri);
        Assert.Equal("my-model", metadata.DefaultModelId);
    }

    [Fact]
    public async Task Metadata_ModelNotConfigured_IsThereFromTheStartAndNamesTheModelAfterACall()
    {
        await using var served = await Served.StartAsync(server: options => options.ServedModelName = "served-name");
        Assert.NotNull(served.Client.GetService<ChatClientMetadata>());

        await served.AskAsync("Hi");

        Assert.Equal("served-name", served.Client.GetService<ChatClientMetadata>()!.DefaultModelId);
    }

    [ContractPoint(3)]
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task GetService_KnownTypes_AreFound(EmulatedServer protocol)
    {
        await using var served = await Served.StartAsync(protocol);
        IChatClient client = served.Client;
        await served.AskAsync("Hi");

        Assert.Same(served.Client, client.GetService<VllmChatClient>());
        Assert.Same(served.Client, client.GetService<IChatClient>());
        Assert.Same(served.Client, client.GetService<IVllmTokenCounter>());
        Assert.Same(served.Client, client.GetService<VllmChatClient>());
        Assert.NotNull(client.GetService<ChatClientMetadata>());
        Assert.NotNull(client.GetService<IVllmEngine>());
        Assert.NotNull(client.GetService<VllmModelProfile>());
        Assert.NotNull(client.GetService<VllmCapabilities>());
        Assert.NotNull(client.GetService<VllmTokenizer>());
    }

    [ContractPoint(3)]
    [Fact]
    public async Task GetService_UnknownTypeOrAnyKey_IsNullAndNullTypeThrows()
    {
        await using var client = new VllmChatClient("http://localhost:1");

        Assert.Null(client.GetService(typeof(ConstructionTests)));
        Assert.Null(client.GetService(typeof(IChatClient), "key"));
        Assert.Null(client.GetService(typeof(ChatClientMetadata), "key"));
        Assert.Equal("serviceType", Assert.Throws<ArgumentNullException>(() => client.GetService(null!)).ParamName);
    }

    [ContractPoint(4)]
    [Fact]
    public void Exceptions_ThatReachACaller_HaveOneBase() => Assert.All(
        typeof(VllmChatClient).Assembly.GetExportedTypes().Concat(typeof(VllmException).Assembly.GetExportedTypes())
            .Where(static type => type.IsAssignableTo(typeof(Exception))),
        static type => Assert.True(type.IsAssignableTo(typeof(VllmException)), type.FullName));

    [Fact]
    public async Task Dispose_Twice_IsFineAndLaterCallsThrow()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Served.Cancel);
        var client = new VllmChatClient(server.Endpoint);
        await client.GetResponseAsync("Hi", cancellationToken: Served.Cancel);

        client.Dispose();
        client.Dispose();
        await client.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetResponseAsync("Hi", cancellationToken: Served.Cancel));
        Assert.Throws<ObjectDisposedException>(() => { _ = client.GetStreamingResponseAsync("Hi", cancellationToken: Served.Cancel); });
    }

    [ContractPoint(4)]
    [Fact]
    public async Task Dispose_BorrowedEngine_StaysAlive()
    {
        await using var server = await VllmEmulator.StartAsync(cancellationToken: Served.Cancel);
        await using var engine = VllmGrpcClient.CreateEngine(VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString()));
        var first = new VllmChatClient(engine);
        await first.GetResponseAsync("Hi", cancellationToken: Served.Cancel);
        await first.DisposeAsync();

        await using var second = new VllmChatClient(engine);
        server.Enqueue("Still here.");

        Assert.Equal("Still here.", (await second.GetResponseAsync("Hi", cancellationToken: Served.Cancel)).Text);
        Assert.True((await engine.HealthAsync(Served.Cancel)).IsHealthy);
    }

    [Fact]
    public async Task Calls_NullMessages_ThrowBeforeAnythingIsSent()
    {
        await using var served = await Served.StartAsync();

        Assert.Equal(
            "messages",
            (await Assert.ThrowsAsync<ArgumentNullException>(
                () => served.Client.GetResponseAsync((IEnumerable<ChatMessage>)null!, cancellationToken: Served.Cancel))).ParamName);
        Assert.Equal(
            "messages",
            Assert.Throws<ArgumentNullException>(
                () => { _ = served.Client.GetStreamingResponseAsync((IEnumerable<ChatMessage>)null!, cancellationToken: Served.Cancel); }).ParamName);
        Assert.Empty(served.Server.Requests);
    }
}

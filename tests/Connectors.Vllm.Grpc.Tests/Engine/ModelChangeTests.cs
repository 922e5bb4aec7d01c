using Connectors.Vllm.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm.Grpc.Tests;

/// <summary>A server that comes back with another model: nothing that was made for the old one reaches it.</summary>
public sealed class ModelChangeTests : IDisposable
{
    private readonly string _folder = OtherVocabulary.Apply(TinyModel.WriteTo(Directory.CreateTempSubdirectory("other-model-").FullName));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, VllmProtocol.Auto)]
    [InlineData(EmulatedServer.VllmEngine, VllmProtocol.VllmEngine)]
    [InlineData(EmulatedServer.Inference, VllmProtocol.Auto)]
    [InlineData(EmulatedServer.Inference, VllmProtocol.Inference)]
    public async Task Generate_ServerCameBackWithAnotherModel_SendsNothingOfTheOldPrompt(EmulatedServer server, VllmProtocol protocol)
    {
        await using var old = await StartAsync(server, "org/one");
        await using var engine = Engines.Create(old.Endpoint, options => (options.Protocol, options.Retry.MaxRetries) = (protocol, 3));
        var request = new GenerationRequest { PromptIds = new[] { 1, 2 }, PreparedFor = await engine.GetModelInfoAsync() };
        await engine.GenerateAsync(request).CollectAsync();
        await old.StopAsync();
        await using var replacement = await StartAsync(server, "org/two", old.Endpoint.Port);

        var e = await Assert.ThrowsAsync<VllmModelChangedException>(() => engine.GenerateAsync(request).CollectAsync());

        Assert.Equal("org/two", e.Model!.ModelId);
        Assert.Contains("'org/two'", e.Message, StringComparison.Ordinal);
        Assert.Contains("'org/one'", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(replacement.Requests, IsGeneration);
        await engine.GenerateAsync(request with { PreparedFor = await engine.GetModelInfoAsync() }).CollectAsync();
        Assert.Single(replacement.Requests, IsGeneration);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_ServerRestartedWithTheSameModel_GoesOn(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol, "org/one");
        await using var engine = Engines.Create(server.Endpoint, options => options.Retry.MaxRetries = 3);
        var request = new GenerationRequest { PromptIds = new[] { 1, 2 }, PreparedFor = await engine.GetModelInfoAsync() };
        await server.RestartAsync();
        server.ClearRequests();

        await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => engine.GenerateAsync(request).CollectAsync()));

        Assert.Equal(32, server.Requests.Count(IsGeneration));
        Assert.InRange(server.Requests.Count(r => r.Method.EndsWith("GetModelInfo", StringComparison.Ordinal)), 1, 3);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task Generate_OneOfTwoServersHasAnotherModel_GoesToTheOther(EmulatedServer protocol)
    {
        await using var one = await StartAsync(protocol, "org/one");
        await using var two = await StartAsync(protocol, "org/two");
        await using var engine = Engines.Create(one.Endpoint, options => options.Endpoints.Add(two.Endpoint));
        var model = await engine.GetModelInfoAsync();
        var (right, wrong) = model.Endpoint!.Port == one.Endpoint.Port ? (one, two) : (two, one);

        for (var i = 0; i < 6; i++)
        {
            await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1, 2 }, PreparedFor = model }).CollectAsync();
        }

        Assert.Equal(6, right.Requests.Count(IsGeneration));
        Assert.DoesNotContain(wrong.Requests, IsGeneration);
    }

    [Fact]
    public async Task Embed_ServerCameBackWithAnotherModel_SendsNothing()
    {
        await using var old = await StartAsync(EmulatedServer.VllmEngine, "org/one", embeds: true);
        await using var engine = Engines.Create(old.Endpoint, options => options.Retry.MaxRetries = 3);
        var model = await engine.GetModelInfoAsync();
        await engine.EmbedAsync(new[] { 1 }, model);
        await old.StopAsync();
        await using var replacement = await StartAsync(EmulatedServer.VllmEngine, "org/two", old.Endpoint.Port, embeds: true);

        await Assert.ThrowsAsync<VllmModelChangedException>(() => engine.EmbedAsync(new[] { 1 }, model));

        Assert.DoesNotContain(replacement.Requests, r => r.Method.EndsWith("/Embed", StringComparison.Ordinal));
        await using var client = new VllmGrpcClient(engine);
        Assert.Equal(64, (await client.EmbedAsync("text")).Vector.Length);
    }

    [Fact]
    public async Task Embed_OneOfTwoServersHasAnotherModel_GoesToTheOther()
    {
        await using var one = await StartAsync(EmulatedServer.VllmEngine, "org/one", embeds: true);
        await using var two = await StartAsync(EmulatedServer.VllmEngine, "org/two", embeds: true);
        await using var engine = Engines.Create(one.Endpoint, options => options.Endpoints.Add(two.Endpoint));
        var model = await engine.GetModelInfoAsync();
        var wrong = model.Endpoint!.Port == one.Endpoint.Port ? two : one;

        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => engine.EmbedAsync(new[] { 1 }, model)));

        Assert.DoesNotContain(wrong.Requests, r => r.Method.EndsWith("/Embed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task GetTokenizerBundle_OneOfTwoServersHasAnotherModel_ComesFromTheOneThatWasAsked()
    {
        await using var one = await StartAsync(EmulatedServer.VllmEngine, "org/one");
        await using var two = await StartAsync(EmulatedServer.VllmEngine, "org/two");
        await using var engine = Engines.Create(one.Endpoint, options => options.Endpoints.Add(two.Endpoint));

        for (var i = 0; i < 4; i++)
        {
            var model = await engine.GetModelInfoAsync();
            var files = await engine.GetTokenizerBundleAsync(model: model);

            var server = model.Endpoint!.Port == one.Endpoint.Port ? one : two;
            Assert.Equal(server.ModelFiles["tokenizer.json"].ToArray(), files["tokenizer.json"].ToArray());
        }
    }

    [Fact]
    public async Task Generate_ConnectionOpenedSinceTheServerWasAsked_KeepsTheMessageBack()
    {
        await using var server = await StartAsync(EmulatedServer.VllmEngine, "org/one");
        using var channel =
            ServerChannel.Create(server.Endpoint, VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString()), NullLoggerFactory.Instance);
        var protocol = new VllmEngineProtocol(channel);
        StreamCall<object> Send(int expected) => protocol.Generate(
            new GenerationRequest { PromptIds = new[] { 1 } }, SamplingOptions.Default, channel.NewCall("r", expected), CancellationToken.None);

        using (var kept = Send(expected: 0))
        {
            await Assert.ThrowsAsync<ConnectionRenewedException>(async () => await kept.MoveNextAsync());
        }

        Assert.Equal(1, channel.Epoch);
        Assert.DoesNotContain(server.Requests, request => request.PromptIds.Count > 0);
        using var call = Send(expected: 1);
        Assert.True(await call.MoveNextAsync());
        Assert.Single(server.Requests, request => request.PromptIds.Count > 0);
    }

    /// <summary>The connections of a caller's own handler cannot be seen: what fails says that the next call may reach another process.</summary>
    [Theory]
    [InlineData(EmulatedServer.VllmEngine, FaultKind.Status)]
    [InlineData(EmulatedServer.VllmEngine, FaultKind.ResetStream)]
    [InlineData(EmulatedServer.VllmEngine, FaultKind.DropConnection)]
    [InlineData(EmulatedServer.Inference, FaultKind.Status)]
    [InlineData(EmulatedServer.Inference, FaultKind.MissingTrailers)]
    public async Task Generate_OwnHandlerAndACallThatFailed_LooksAtTheServerAtOnce(EmulatedServer protocol, FaultKind failure)
    {
        await using var old = await StartAsync(protocol, "org/one");
        using var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true };
        await using var engine = Engines.Create(old.Endpoint, options => (options.HttpHandler, options.Retry.MaxRetries) = (handler, 3));
        var request = new GenerationRequest { PromptIds = new[] { 1, 2 }, PreparedFor = await engine.GetModelInfoAsync() };
        await engine.GenerateAsync(request).CollectAsync();
        old.Reply(ScriptedReply.Failing(new ServerFault { Kind = failure, AfterMessages = 3, Detail = "upstream connect error" }));
        await Assert.ThrowsAnyAsync<VllmException>(() => engine.GenerateAsync(request).CollectAsync());
        await old.StopAsync();
        await using var replacement = await StartAsync(protocol, "org/two", old.Endpoint.Port);

        await Assert.ThrowsAsync<VllmModelChangedException>(() => engine.GenerateAsync(request).CollectAsync());

        Assert.DoesNotContain(replacement.Requests, IsGeneration);
    }

    [Fact]
    public void Epoch_OwnHandler_ChangesWithFailuresSilenceAndTime()
    {
        using var handler = new SocketsHttpHandler();
        using var channel = ServerChannel.Create(
            new Uri("http://localhost:1"), new VllmConnectionOptions { HttpHandler = handler }, NullLoggerFactory.Instance);
        var now = 90_000L;
        channel.Clock = () => now;
        channel.MarkAnswered();
        var epochs = new List<int> { channel.Epoch };

        channel.AdvanceEpoch();
        epochs.Add(channel.Epoch);
        now += 3_001;
        channel.AdvanceEpochIfSilent();
        epochs.Add(channel.Epoch);
        channel.AdvanceEpochIfSilent();
        Assert.Equal(epochs[^1], channel.Epoch);
        now += 2_999;
        channel.MarkAnswered();
        now += 2_999;
        channel.AdvanceEpochIfSilent();
        Assert.Equal(epochs[^1], channel.Epoch);
        now += 30_000;
        epochs.Add(channel.Epoch);

        Assert.Equal(epochs.Count, epochs.Distinct().Count());
    }

    [Fact]
    public async Task Completions_ServerCameBackWithAnotherModel_AreDecodedWithItsTokenizer()
    {
        await using var old = await StartAsync(EmulatedServer.VllmEngine, "org/one");
        await using var client = new VllmGrpcClient(Engines.Create(old.Endpoint, options => options.Retry.MaxRetries = 3), ownsEngine: true);
        old.Reply("Grüße aus Köln");
        Assert.Equal("Grüße aus Köln", (await client.CompleteAsync("Hello")).Text);
        var ids = (await client.Server.GetTokenizerAsync()).Encode("Hello");
        await old.StopAsync();
        await using var replacement = await StartAsync(EmulatedServer.VllmEngine, "org/two", old.Endpoint.Port);
        replacement.Reply("Grüße aus Rom");

        Assert.Equal("Grüße aus Rom", (await client.CompleteAsync("Hello")).Text);

        Assert.NotEqual(ids, (await client.Server.GetTokenizerAsync()).Encode("Hello"));
        Assert.Single(replacement.Requests, r => r.Method.EndsWith("/GetTokenizer", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Completions_IdsOfTheOldModel_AreRefusedOnce()
    {
        await using var old = await StartAsync(EmulatedServer.VllmEngine, "org/one");
        await using var client = new VllmGrpcClient(Engines.Create(old.Endpoint, options => options.Retry.MaxRetries = 3), ownsEngine: true);
        ReadOnlyMemory<int> ids = (await client.Server.GetTokenizerAsync()).Encode("Hello");
        await client.CompleteAsync(ids);
        await old.StopAsync();
        await using var replacement = await StartAsync(EmulatedServer.VllmEngine, "org/two", old.Endpoint.Port);

        await Assert.ThrowsAsync<VllmModelChangedException>(() => client.CompleteAsync(ids));

        Assert.DoesNotContain(replacement.Requests, IsGeneration);
        await client.CompleteAsync((await client.Server.GetTokenizerAsync()).Encode("Hello"));
        Assert.Equal("Hello", replacement.Tokenizer.Decode([.. replacement.Requests.Single(IsGeneration).PromptIds]));
    }

    private static bool IsGeneration(CapturedRequest request) => request.Method.Contains("/Generate", StringComparison.Ordinal);

    private Task<VllmEmulator> StartAsync(EmulatedServer protocol, string model, int port = 0, bool embeds = false) =>
        VllmEmulator.StartAsync(new VllmEmulatorOptions
        {
            Server = protocol,
            Port = port,
            ModelPath = model,
            ModelDirectory = model == "org/two" ? _folder : null,
            IsEmbeddingModel = embeds,
        });
}

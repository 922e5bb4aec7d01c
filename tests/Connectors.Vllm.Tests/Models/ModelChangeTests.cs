using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

/// <summary>The server comes back with another model: clients take its tokenizer and template, and no id of the old vocabulary reaches it.</summary>
public sealed class ModelChangeTests : IDisposable
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private readonly string _root = Directory.CreateTempSubdirectory("model-change-").FullName;

    public ModelChangeTests()
    {
        // A hub cache with both models: the Inference protocol cannot send its tokenizer.
        TinyModel.WriteTo(SnapshotOf("one"));
        OtherVocabulary.Apply(TinyModel.WriteTo(SnapshotOf("two")));
        foreach (var model in new[] { "one", "two" })
        {
            var refs = Directory.CreateDirectory(Path.Combine(_root, $"models--org--{model}", "refs")).FullName;
            File.WriteAllText(Path.Combine(refs, "main"), Commit);
        }
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task GetResponse_AnotherModel_IsAskedInItsOwnVocabulary(EmulatedServer protocol)
    {
        await using var old = await StartAsync(protocol, "one");
        using var client = new VllmChatClient(Options(old.Endpoint));
        old.Reply("from one");
        Assert.Equal("from one", (await client.GetResponseAsync("Where is Köln?", cancellationToken: Cancel)).Text);
        await old.StopAsync();
        await using var replacement = await StartAsync(protocol, "two", old.Endpoint.Port);
        replacement.Reply("from two");

        // All find out at the same time; one loads.
        var responses = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(i => client.GetResponseAsync($"Where is Rome, for the {i}th time?", cancellationToken: Cancel)));

        Assert.All(responses, response => Assert.Equal(("from two", "org/two"), (response.Text, response.ModelId)));
        List<CapturedRequest> sent = [.. replacement.Requests.Where(request => request.Method.Contains("/Generate", StringComparison.Ordinal))];
        Assert.Equal(16, sent.Count);
        Assert.All(sent,
            request => Assert.Contains("Where is Rome, for the ", replacement.Tokenizer.Decode([.. request.PromptIds]), StringComparison.Ordinal));
        if (protocol == EmulatedServer.VllmEngine)
        {
            Assert.Single(replacement.Requests, request => request.Method.EndsWith("/GetTokenizer", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task GetResponse_SameModelAgain_KeepsTheProfile(EmulatedServer protocol)
    {
        await using var server = await StartAsync(protocol, "one");
        using var client = new VllmChatClient(Options(server.Endpoint));
        await client.GetResponseAsync("Hello", cancellationToken: Cancel);
        var profile = client.GetService(typeof(VllmModelProfile));
        await server.RestartAsync(Cancel);

        await client.GetResponseAsync("Hello", cancellationToken: Cancel);

        Assert.NotNull(profile);
        Assert.Same(profile, client.GetService(typeof(VllmModelProfile)));
    }

    [Fact]
    public async Task GetStreamingResponse_OtherLimitsOfTheSameModel_AreTaken()
    {
        await using var old = await StartAsync(EmulatedServer.VllmEngine, "one");
        using var client = new VllmChatClient(Options(old.Endpoint));
        await client.GetResponseAsync("Hello", cancellationToken: Cancel);
        await old.StopAsync();
        await using var smaller = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions
            { ModelPath = "org/one", ModelDirectory = SnapshotOf("one"), Port = old.Endpoint.Port, ContextLength = 200 }, Cancel);

        await client.GetStreamingResponseAsync("Hello", cancellationToken: Cancel).ToListAsync(Cancel);

        Assert.Equal(200, ((VllmModelProfile)client.GetService(typeof(VllmModelProfile))!).ContextLength);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task GetResponse_NamedFolderStillHoldsTheOldModel_IsRefusedUntilItIsReplaced(EmulatedServer protocol)
    {
        var folder = TinyModel.WriteTo(Path.Combine(_root, "folder"));
        await using var old = await StartAsync(protocol, "one");
        using var client = new VllmChatClient(Options(old.Endpoint, options => options.ModelDirectory = folder));
        await client.GetResponseAsync("Hello", cancellationToken: Cancel);
        await old.StopAsync();
        await using var replacement = await StartAsync(protocol, "two", old.Endpoint.Port);

        var refused = await Assert.ThrowsAsync<VllmModelException>(() => client.GetResponseAsync("Hello", cancellationToken: Cancel));

        Assert.Contains(nameof(VllmGrpcOptions.ModelDirectory), refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(replacement.Requests, request => request.Method.Contains("/Generate", StringComparison.Ordinal));
        OtherVocabulary.Apply(folder);
        await client.GetResponseAsync("Hello again", cancellationToken: Cancel);
        var sent = replacement.Requests.Single(request => request.Method.Contains("/Generate", StringComparison.Ordinal));
        Assert.Contains("Hello again", replacement.Tokenizer.Decode([.. sent.PromptIds]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, EmulatedServer.VllmEngine, "other", "/models/one")]
    [InlineData(EmulatedServer.VllmEngine, EmulatedServer.Inference, "other", "/models/one")]
    [InlineData(EmulatedServer.Inference, EmulatedServer.VllmEngine, "other", "/models/one")]
    [InlineData(EmulatedServer.Inference, EmulatedServer.Inference, "other", "/models/one")]
    [InlineData(EmulatedServer.VllmEngine, EmulatedServer.Inference, "one", "/models/one")]
    [InlineData(EmulatedServer.Inference, EmulatedServer.VllmEngine, "one", "/models/one")]
    [InlineData(EmulatedServer.VllmEngine, EmulatedServer.VllmEngine, "one", "/models/other")]
    public async Task GetResponse_NamedFolderAndTheSameModelUnderAnotherName_GoesOn(
        EmulatedServer before, EmulatedServer after, string name, string path)
    {
        var options = new VllmEmulatorOptions { Server = before, ServedModelName = "one", ModelPath = "/models/one" };
        await using var old = await VllmEmulator.StartAsync(options, Cancel);
        var folder = TinyModel.WriteTo(Path.Combine(_root, "folder"));
        using var client = new VllmChatClient(Options(old.Endpoint, options => options.ModelDirectory = folder));
        await client.GetResponseAsync("Hello", cancellationToken: Cancel);
        await old.StopAsync();
        await using var restarted = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = after, ServedModelName = name, ModelPath = path, Port = old.Endpoint.Port }, Cancel);
        restarted.Reply("after the restart");

        var response = await client.GetResponseAsync("Hello", cancellationToken: Cancel);

        Assert.Equal(("after the restart", name), (response.Text, response.ModelId));
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine, EmulatedServer.VllmEngine, "other")]
    [InlineData(EmulatedServer.Inference, EmulatedServer.Inference, "other")]
    [InlineData(EmulatedServer.Inference, EmulatedServer.Inference, "one")]
    [InlineData(EmulatedServer.VllmEngine, EmulatedServer.Inference, "one")]
    [InlineData(EmulatedServer.Inference, EmulatedServer.VllmEngine, "one")]
    public async Task GetResponse_NamedFolderAndNothingTellsThatTheModelIsTheSame_SaysWhatDiffers(
        EmulatedServer before, EmulatedServer after, string name)
    {
        await using var old = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = before, ServedModelName = "one", ModelPath = "/models/one" }, Cancel);
        var folder = TinyModel.WriteTo(Path.Combine(_root, "folder"));
        using var client = new VllmChatClient(Options(old.Endpoint, options => options.ModelDirectory = folder));
        await client.GetResponseAsync("Hello", cancellationToken: Cancel);
        await old.StopAsync();
        await using var other = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = after, ServedModelName = name, ModelPath = "/models/other", Port = old.Endpoint.Port }, Cancel);

        var exception = await Assert.ThrowsAsync<VllmModelException>(() => client.GetResponseAsync("Hello", cancellationToken: Cancel));

        Assert.All(
            [$"'{name}' (/models/other)", "'one' (/models/one)", "ModelDirectory"],
            part => Assert.Contains(part, exception.Message, StringComparison.Ordinal));
        Assert.DoesNotContain(other.Requests, request => request.Method.Contains("/Generate", StringComparison.Ordinal));
    }

    [Fact]
    public async Task GenerateEmbeddings_AnotherModel_AreAllMadeByIt()
    {
        await using var old = await StartAsync(EmulatedServer.VllmEngine, "one", embeds: true);
        using var generator = new VllmEmbeddingGenerator(Options(old.Endpoint));
        await generator.GenerateAsync(["a"], cancellationToken: Cancel);
        await old.StopAsync();
        await using var replacement = await StartAsync(EmulatedServer.VllmEngine, "two", old.Endpoint.Port, embeds: true);
        string[] texts = [.. Enumerable.Range(0, 20).Select(i => $"text number {i}")];

        var embeddings = await generator.GenerateAsync(texts, cancellationToken: Cancel);

        Assert.All(embeddings, embedding => Assert.Equal("org/two", embedding.ModelId));
        Assert.Equal(texts.Order(), replacement.Requests.Where(request => request.Method.EndsWith("/Embed", StringComparison.Ordinal))
            .Select(request => replacement.Tokenizer.Decode([.. request.PromptIds], skipSpecialTokens: true)).Order());
    }

    private string SnapshotOf(string model) => Path.Combine(_root, $"models--org--{model}", "snapshots", Commit);

    private Task<VllmEmulator> StartAsync(EmulatedServer protocol, string model, int port = 0, bool embeds = false) => VllmEmulator.StartAsync(
        new VllmEmulatorOptions
        { Server = protocol, Port = port, ModelPath = $"org/{model}", ModelDirectory = SnapshotOf(model), IsEmbeddingModel = embeds }, Cancel);

    private VllmGrpcOptions Options(Uri endpoint, Action<VllmGrpcOptions>? configure = null)
    {
        var options = new VllmGrpcOptions { HubCacheDirectory = _root, AllowModelDownload = false };
        options.Connection.Endpoints.Add(endpoint);
        options.Connection.Retry.MaxRetries = 5;
        configure?.Invoke(options);
        return options;
    }
}

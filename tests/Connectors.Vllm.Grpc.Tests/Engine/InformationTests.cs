using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing;

namespace Connectors.Vllm.Grpc.Tests;

public sealed class InformationTests
{
    /// <summary>Some versions write the first of the names with "from".</summary>
    [Theory]
    [InlineData("first_token", ConstraintStart.FirstToken)]
    [InlineData("from_first_token", ConstraintStart.FirstToken)]
    [InlineData("after_reasoning", ConstraintStart.AfterReasoning)]
    [InlineData("", ConstraintStart.Unknown)]
    public void Capabilities_ConstraintStartAsTheServerWritesIt_IsRead(string told, ConstraintStart expected) => Assert.Equal(
        expected,
        VllmEngineModelInfo.ToCapabilities(new GetModelInfoResponse(), new GetServerInfoResponse { ConstrainedDecodingStart = told }, null)
            .ConstraintStart);

    [Theory]
    [InlineData(TokenizerBundle.Good)]
    [InlineData(TokenizerBundle.SingleChunk)]
    [InlineData(TokenizerBundle.ManyChunks)]
    public async Task GetTokenizerBundle_GoodArchive_GivesTheFiles(TokenizerBundle bundle)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { TokenizerBundle = bundle });
        await using var engine = Engines.Create(server.Endpoint);
        var progress = new Progress();

        var files = await engine.GetTokenizerBundleAsync(progress);

        Assert.Equal(server.ModelFiles["tokenizer.json"].ToArray(), files["tokenizer.json"].ToArray());
        Assert.Contains("config.json", files.Keys);
        Assert.True(progress.Last > 0);
    }

    [Theory]
    [InlineData(TokenizerBundle.WrongChecksum, "SHA-256")]
    [InlineData(TokenizerBundle.MissingChecksum, "SHA-256")]
    [InlineData(TokenizerBundle.EscapingNames, "not a plain tokenizer file")]
    [InlineData(TokenizerBundle.TooManyEntries, "entries")]
    [InlineData(TokenizerBundle.LyingSizes, "")]
    [InlineData(TokenizerBundle.Empty, "empty")]
    [InlineData(TokenizerBundle.NotAZip, "")]
    public async Task GetTokenizerBundle_BadArchive_IsRefusedWithTheReason(TokenizerBundle bundle, string reason)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { TokenizerBundle = bundle });
        await using var engine = Engines.Create(server.Endpoint);

        var e = await Assert.ThrowsAsync<VllmProtocolException>(() => engine.GetTokenizerBundleAsync());

        Assert.True(e.Message.Contains(reason, StringComparison.Ordinal), e.Message);
        Assert.Contains("local model folder", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TokenizerBundle.HubId)]
    [InlineData(TokenizerBundle.NotConfigured)]
    [InlineData(TokenizerBundle.Unimplemented)]
    public async Task GetTokenizer_ServerHasNone_NamesTheCures(TokenizerBundle bundle)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { TokenizerBundle = bundle });
        await using var client = new VllmGrpcClient(VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString()));

        var e = await Assert.ThrowsAsync<VllmRequestException>(() => client.Server.GetTokenizerAsync());

        Assert.Contains("HF_HUB_OFFLINE=1", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task GetModelInfo_BothProtocols_HaveOneShape(EmulatedServer protocol)
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions
        {
            Server = protocol,
            ModelPath = "/root/.cache/huggingface/hub/models--Org--Tiny-1B/snapshots/0123abc",
            ContextLength = 1234,
        });
        await using var engine = Engines.Create(server.Endpoint);

        var model = await engine.GetModelInfoAsync();

        Assert.Equal("Org/Tiny-1B", model.ModelId);
        Assert.Equal("Org/Tiny-1B", model.ServedModelName);
        Assert.Equal(1234, model.ContextLength);
        Assert.NotNull(model.RawRepresentation);
        Assert.NotNull((await engine.GetServerInfoAsync()).KvBlockSize);
        Assert.True((await engine.HealthAsync()).IsHealthy);
    }

    [Fact]
    public async Task GetLoads_VllmEngine_GivesRanksAndInferenceSaysWhereToLook()
    {
        await using var a = await VllmEmulator.StartAsync();
        await using var b = await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference });
        await using var engineA = Engines.Create(a.Endpoint);
        await using var engineB = Engines.Create(b.Endpoint);

        Assert.Single(await engineA.GetLoadsAsync());
        var e = await Assert.ThrowsAsync<VllmRequestException>(() => engineB.GetLoadsAsync());
        Assert.Contains("/metrics", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Generate_InfiniteLimits_AreNone()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply(ScriptedReply.FromIds(10));
        var none = Timeout.InfiniteTimeSpan;
        await using var engine = Engines.Create(server.Endpoint, options =>
        {
            (options.ConnectTimeout, options.CallTimeout, options.AbortTimeout, options.TokenizerTimeout) = (none, none, none, none);
            (options.GenerationTimeout, options.FirstTokenTimeout, options.BetweenTokensTimeout) = (none, none, none);
        });

        var updates = await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();

        Assert.Equal(10, updates.Ids()[0]);
        Assert.All(server.Requests.Where(request => !request.Method.EndsWith("/HealthCheck", StringComparison.Ordinal)),
            request => Assert.Null(request.Deadline));
    }

    [Fact]
    public async Task Generate_Limits_AreToldToTheServer()
    {
        await using var server = await VllmEmulator.StartAsync();
        server.Reply(ScriptedReply.FromIds(10));
        await using var engine = Engines.Create(server.Endpoint, options => options.GenerationTimeout = TimeSpan.FromSeconds(90));

        await engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync();

        var deadline = server.Requests.Single(request => request.Method.EndsWith("/Generate", StringComparison.Ordinal)).Deadline;
        Assert.InRange(deadline!.Value, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(90));
    }

    [Fact]
    public async Task ListLoras_Inference_GivesAdapters()
    {
        await using var server =
            await VllmEmulator.StartAsync(new VllmEmulatorOptions { Server = EmulatedServer.Inference, LoraAdapters = ["ad1", "ad2"] });
        await using var engine = Engines.Create(server.Endpoint);

        Assert.Equal(["ad1", "ad2"], await engine.ListLorasAsync());
        Assert.True((await engine.GetCapabilitiesAsync()).Lora);
    }

    [Fact]
    public async Task Embed_EmbeddingModel_GivesTheVector()
    {
        await using var server = await VllmEmulator.StartAsync(new VllmEmulatorOptions { IsEmbeddingModel = true, EmbeddingDimension = 8 });
        await using var engine = Engines.Create(server.Endpoint);

        var result = await engine.EmbedAsync(new[] { 1, 2, 3 });

        Assert.Equal((8, 3), (result.Vector.Length, result.PromptTokens));
        await Assert.ThrowsAsync<VllmRequestException>(() => engine.GenerateAsync(new GenerationRequest { PromptIds = new[] { 1 } }).CollectAsync());
    }

    [Fact]
    public async Task GetModelInfo_CallerGivesUpWaiting_DoesNotSpoilItForOthers()
    {
        await using var server = await VllmEmulator.StartAsync();
        await using var engine = Engines.Create(server.Endpoint);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.GetModelInfoAsync(new CancellationToken(true)).AsTask());

        Assert.NotNull(await engine.GetModelInfoAsync());
    }

    private sealed class Progress : IProgress<long>
    {
        public long Last { get; private set; }

        public void Report(long value) => Last = value;
    }
}

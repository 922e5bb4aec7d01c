using Connectors.Vllm.Grpc;
using Grpc.Core;

namespace Connectors.Vllm.Interop.Tests;

/// <summary>Our client calls a Python grpcio server.</summary>
public sealed class PythonServerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> ProtocolsAndModes => new()
    {
        { "VllmEngine", true }, { "VllmEngine", false }, { "Inference", true }, { "Inference", false },
    };

    [Theory]
    [MemberData(nameof(ProtocolsAndModes))]
    public async Task Generate_ShortAnswer_GivesIdsCountsAndFinish(string protocol, bool stream)
    {
        await using var server = await PythonPeer.StartServerAsync(protocol, tls: false, Cancel);
        await using var engine = Engine(server);

        var (ids, finish, prompt) = await engine.CollectAsync(new() { PromptIds = new[] { 1, 5, 6 }, Stream = stream, Sampling = Limited }, Cancel);

        Assert.Equal([10, 11, 12, 2], ids);
        Assert.Equal(GenerationFinishReason.Stop, finish.Reason);
        Assert.Equal(4, finish.OutputTokens);
        Assert.Equal(3, prompt);
        Assert.Equal(protocol == "VllmEngine" ? VllmProtocol.VllmEngine : VllmProtocol.Inference, engine.Protocol);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndModes))]
    public async Task Generate_LongAnswer_LosesNothing(string protocol, bool stream)
    {
        await using var server = await PythonPeer.StartServerAsync(protocol, tls: false, Cancel);
        await using var engine = Engine(server);

        var (ids, _, _) = await engine.CollectAsync(new() { PromptIds = new[] { 4 }, Stream = stream, Sampling = Limited }, Cancel);

        Assert.Equal([.. Enumerable.Range(0, 1999).Select(number => 10 + (number % 500)), 2], ids);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndModes))]
    public async Task Generate_StopString_IsReported(string protocol, bool stream)
    {
        await using var server = await PythonPeer.StartServerAsync(protocol, tls: false, Cancel);
        await using var engine = Engine(server);

        var (ids, finish, _) =
            await engine.CollectAsync(new() { PromptIds = new[] { 5 }, StopStrings = ["END"], Stream = stream, Sampling = Limited }, Cancel);

        Assert.Equal([20, 21, 22], ids);
        Assert.Equal("END", finish.StopString);
    }

    [Theory]
    [MemberData(nameof(ProtocolsAndModes))]
    public async Task Generate_Refused_ThrowsWithStatusTextAndRequest(string protocol, bool stream)
    {
        await using var server = await PythonPeer.StartServerAsync(protocol, tls: false, Cancel);
        await using var engine = Engine(server);

        var exception = await Assert.ThrowsAnyAsync<VllmException>(
            () => engine.CollectAsync(new() { RequestId = "mine", PromptIds = new[] { 3 }, Stream = stream, Sampling = Limited }, Cancel));

        Assert.Equal(StatusCode.InvalidArgument, exception.StatusCode);
        Assert.Equal("refused: naïve prompt, 100 % of it", exception.ServerMessage);
        Assert.Equal("mine", exception.RequestId);
        Assert.False(exception.IsRetryable);
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Generate_EngineDiesMidStream_ThrowsAfterTheTokensSoFar(string protocol)
    {
        await using var server = await PythonPeer.StartServerAsync(protocol, tls: false, Cancel);
        await using var engine = Engine(server);
        var ids = new List<int>();

        var exception = await Assert.ThrowsAnyAsync<VllmException>(async () =>
        {
            await foreach (var update in engine.GenerateAsync(new() { PromptIds = new[] { 6 }, Sampling = Limited }, Cancel))
            {
                ids.AddRange(update.TokenIds.Span);
            }
        });

        Assert.Equal(StatusCode.Internal, exception.StatusCode);
        Assert.Equal(20, ids[0]);
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Generate_EarlyBreak_IsSeenByTheServer(string protocol)
    {
        await using var server = await PythonPeer.StartServerAsync(protocol, tls: false, Cancel);
        await using var engine = Engine(server);
        var seen = 0;

        await foreach (var update in engine.GenerateAsync(new() { RequestId = "leaving", PromptIds = new[] { 2 }, Sampling = Limited }, Cancel))
        {
            seen += update.TokenIds.Length;
            if (seen >= 3)
            {
                break;
            }
        }

        await server.WaitForAsync("left leaving", Cancel);
    }

    [Theory]
    [InlineData("VllmEngine")]
    [InlineData("Inference")]
    public async Task Abort_FromAnotherCall_EndsTheStream(string protocol)
    {
        await using var server = await PythonPeer.StartServerAsync(protocol, tls: false, Cancel);
        await using var engine = Engine(server);
        GenerationFinish? finish = null;

        await foreach (var update in engine.GenerateAsync(new() { RequestId = "ended", PromptIds = new[] { 2 }, Sampling = Limited }, Cancel))
        {
            if (update.Finish is null && !update.TokenIds.IsEmpty)
            {
                await engine.AbortAsync(["ended"], Cancel);
            }

            finish = update.Finish ?? finish;
        }

        Assert.Equal(GenerationFinishReason.Abort, finish!.Reason);
    }

    [Fact]
    public async Task Info_VllmEngine_ModelHealthEmbeddingLoadsAndTokenizer()
    {
        await using var server = await PythonPeer.StartServerAsync("VllmEngine", tls: false, Cancel);
        await using var engine = Engine(server);

        var model = await engine.GetModelInfoAsync(Cancel);
        var embedding = await engine.EmbedAsync(new[] { 1, 2, 3 }, cancellationToken: Cancel);
        var loads = await engine.GetLoadsAsync(Cancel);
        var files = await engine.GetTokenizerBundleAsync(cancellationToken: Cancel);
        var health = await engine.HealthAsync(Cancel);

        Assert.Equal("peer", model.ServedModelName);
        Assert.Equal([0.6f, 0.8f], embedding.Vector.ToArray());
        Assert.Single(loads);
        Assert.Equal(["config.json", "tokenizer.json"], files.Keys.Order(StringComparer.Ordinal));
        Assert.True(files["tokenizer.json"].Length > 150_000);
        Assert.True(health.IsHealthy);
    }

    [Theory]
    [InlineData("VllmEngine", false)]
    [InlineData("VllmEngine", true)]
    [InlineData("Inference", false)]
    [InlineData("Inference", true)]
    public async Task Tls_CustomRootAndClientCertificate_Works(string protocol, bool mutual)
    {
        using var certificates = new TestCertificates();
        string[] arguments = ["--cert", certificates.ServerFile, "--key", certificates.ServerKeyFile];
        await using var server = await PythonPeer.StartServerAsync(
            protocol, tls: true, Cancel, mutual ? [.. arguments, "--client-ca", certificates.AuthorityFile] : arguments);
        var options = VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString());
        options.RootCertificateFile = certificates.AuthorityFile;
        (options.ClientCertificateFile, options.ClientCertificateKeyFile) = mutual
            ? (certificates.ClientFile, certificates.ClientKeyFile)
            : (null, null);
        await using var engine = VllmGrpcClient.CreateEngine(options);

        var (ids, _, _) = await engine.CollectAsync(new() { PromptIds = new[] { 1 }, Sampling = Limited }, Cancel);

        Assert.Equal([10, 11, 12, 2], ids);
    }

    [Fact]
    public async Task Tls_UntrustedRoot_IsRefusedByTheClient()
    {
        using var certificates = new TestCertificates();
        await using var server =
            await PythonPeer.StartServerAsync(
                "VllmEngine", tls: true, Cancel, "--cert", certificates.ServerFile, "--key", certificates.ServerKeyFile);
        await using var engine = VllmGrpcClient.CreateEngine(VllmConnectionOptions.ForEndpoint(server.Endpoint.ToString()));

        var exception =
            await Assert.ThrowsAnyAsync<VllmException>(() => engine.CollectAsync(new() { PromptIds = new[] { 1 }, Sampling = Limited }, Cancel));

        Assert.Contains("certificate", exception.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    private static SamplingOptions Limited { get; } = new() { MaxTokens = 4000 };

    private static IVllmEngine Engine(PythonServer server) => VllmGrpcClient.CreateEngine(server.Endpoint.ToString());
}

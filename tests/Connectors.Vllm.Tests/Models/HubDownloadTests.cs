using Connectors.Vllm.Testing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm.Tests;

/// <summary>A model's files from a hub, over a real socket, as far as the first answer of the model.</summary>
public sealed class HubDownloadTests : IDisposable
{
    private readonly string _cache = Directory.CreateTempSubdirectory("hub-cache-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_cache, recursive: true);

    [Theory]
    [InlineData(EmulatedServer.VllmEngine)]
    [InlineData(EmulatedServer.Inference)]
    public async Task GetResponse_ServerCannotSendItsTokenizer_TakesItFromTheHubAndResumes(EmulatedServer protocol)
    {
        await using var hub = await HubServer.StartAsync(Cancel);
        hub.BreakAfter = 5000;
        await using var server = await StartAsync(protocol);
        var progress = new List<ModelDownloadProgress>();
        using var client = new VllmChatClient(Options(server, hub, options => options.DownloadProgress = new Collect(progress)));

        var broken = await Assert.ThrowsAsync<VllmModelException>(() => client.GetResponseAsync("Hello", cancellationToken: Cancel));
        var answer = (await client.GetResponseAsync("Hello", cancellationToken: Cancel)).Text;

        Assert.Contains("hub download", broken.Message, StringComparison.Ordinal);
        Assert.Equal("hi", answer);
        Assert.Contains("GET /storage/tokenizer.json bytes=5000-", hub.Requests);
        Assert.DoesNotContain(hub.Requests, request => request.Contains("safetensors", StringComparison.Ordinal));
        long size = TinyModel.Files["tokenizer.json"].Length;
        Assert.Contains(progress, item => item.File == "tokenizer.json" && item.BytesReceived == size && item.TotalBytes == size);
    }

    [Fact]
    public async Task GetResponse_SecondClient_TakesTheCacheAndAsksNoHub()
    {
        await using var hub = await HubServer.StartAsync(Cancel);
        await using var server = await StartAsync(EmulatedServer.Inference);
        using (var first = new VllmChatClient(Options(server, hub)))
        {
            await first.GetResponseAsync("Hello", cancellationToken: Cancel);
        }

        hub.Requests.Clear();
        using var second = new VllmChatClient(Options(server, hub));
        await second.GetResponseAsync("Hello", cancellationToken: Cancel);

        Assert.Empty(hub.Requests);
    }

    [Fact]
    public async Task TryLoad_HubFallsSilent_EndsAndKeepsWhatCame()
    {
        await using var hub = await HubServer.StartAsync(Cancel);
        (hub.BreakAfter, hub.StandsStill) = (5000, true);
        var settings = HubSettings.FromEnvironment(_ => null, hub.Endpoint, _cache);
        using var http = HubDownloader.CreateClient();
        var source = new HubDownloadSource(
            settings, null, allowed: true, new HubDownloader(http, settings, NullLogger.Instance, null, silence: TimeSpan.FromSeconds(2)), 1 << 30);
        var tried = new List<string>();

        Assert.Null(await source.TryLoadAsync(ModelIdentity.From("org/name"), tried, Cancel));

        Assert.Contains("sent nothing for 2 s", tried[^1], StringComparison.Ordinal);
        Assert.True((await source.TryLoadAsync(ModelIdentity.From("org/name"), tried, Cancel))!.HasTokenizer);
        Assert.Contains("GET /storage/tokenizer.json bytes=5000-", hub.Requests);
    }

    private static async Task<VllmEmulator> StartAsync(EmulatedServer protocol)
    {
        var server = await VllmEmulator.StartAsync(
            new VllmEmulatorOptions { Server = protocol, ModelPath = "org/name", TokenizerBundle = TokenizerBundle.HubId }, Cancel);
        server.Reply("hi");
        return server;
    }

    private VllmGrpcOptions Options(VllmEmulator server, HubServer hub, Action<VllmGrpcOptions>? configure = null)
    {
        var options = new VllmGrpcOptions { HubEndpoint = hub.Endpoint, HubCacheDirectory = _cache };
        options.Endpoints.Add(server.Endpoint);
        configure?.Invoke(options);
        return options;
    }

    private sealed class Collect(List<ModelDownloadProgress> items) : IProgress<ModelDownloadProgress>
    {
        public void Report(ModelDownloadProgress value) => items.Add(value);
    }
}

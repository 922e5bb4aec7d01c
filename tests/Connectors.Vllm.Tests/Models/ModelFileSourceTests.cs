using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Connectors.Vllm.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm.Tests;

public sealed class ModelFileSourceTests : IDisposable
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private const long Budget = 1 << 30;

    private readonly string _cache = Directory.CreateTempSubdirectory("hub-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_cache, recursive: true);

    [Theory]
    [InlineData("Qwen/Qwen3-8B", null, "Qwen/Qwen3-8B", null)]
    [InlineData("my-model", "Qwen/Qwen3-8B", "Qwen/Qwen3-8B", null)]
    [InlineData("my-model", "/models/qwen", null, null)]
    [InlineData("/root/.cache/huggingface/hub/models--Qwen--Qwen3-8B/snapshots/abcdef1234567", null, "Qwen/Qwen3-8B", "abcdef1234567")]
    [InlineData(null, @"C:\hub\models--a--b\snapshots\abcdef1234567", "a/b", "abcdef1234567")]
    [InlineData("../../etc", null, null, null)]
    public void ModelIdentity_NamesAndPaths_TellTheRepository(string? served, string? path, string? repository, string? revision)
    {
        var identity = ModelIdentity.From(served, path);

        Assert.Equal(repository, identity.Repository);
        Assert.Equal(revision, identity.Revision);
    }

    [Fact]
    public async Task Directory_MissingOrEmpty_IsNoted()
    {
        var tried = new List<string>();

        Assert.Null(await new DirectorySource("/no/such/folder", Budget).TryLoadAsync(ModelIdentity.From("m"), tried, Token));
        Assert.Null(await new DirectorySource(_cache, Budget).TryLoadAsync(ModelIdentity.From("m"), tried, Token));

        Assert.Contains("does not exist", tried[0], StringComparison.Ordinal);
        Assert.Contains("no tokenizer", tried[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task HubCache_RefsMain_FindsTheSnapshot()
    {
        var repository = Path.Combine(_cache, "models--org--name");
        TinyModel.WriteTo(Path.Combine(repository, "snapshots", Commit));
        Directory.CreateDirectory(Path.Combine(repository, "refs"));
        await File.WriteAllTextAsync(Path.Combine(repository, "refs", "main"), Commit, Token);

        var files = await new HubCacheSource(Settings(), null, Budget).TryLoadAsync(ModelIdentity.From("org/name"), [], Token);

        Assert.True(files!.HasTokenizer);
        Assert.Contains(Commit, files.Origin, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one file")]
    [InlineData("together")]
    [InlineData("behind a link")]
    public async Task Load_FilesLargerThanTheBudget_AreNotRead(string which)
    {
        var snapshot = Path.Combine(_cache, "models--org--name", "snapshots", Commit);
        TinyModel.WriteTo(snapshot);
        Directory.CreateDirectory(Path.Combine(_cache, "models--org--name", "refs"));
        await File.WriteAllTextAsync(Path.Combine(_cache, "models--org--name", "refs", "main"), Commit, Token);
        foreach (var name in which == "together" ? Enumerable.Range(0, 6).Select(i => $"{i}.jinja") : ["tokenizer.json"])
        {
            // 3 GiB that take no room on the disk, or six times 30 MiB.
            var path = Path.Combine(snapshot, name);
            File.Delete(path);
            var file = which == "behind a link" ? Path.Combine(_cache, "blob") : path;
            await using (var sparse = File.Create(file))
            {
                sparse.SetLength(which == "together" ? 30L << 20 : 3L << 30);
            }

            if (file != path)
            {
                File.CreateSymbolicLink(path, file);
            }
        }

        var options = new VllmGrpcOptions { Connection = { MaxTokenizerBytes = 100 << 20 } };
        var tried = new List<string>();
        var before = GC.GetAllocatedBytesForCurrentThread();

        var sources = new IModelFileSource[] { new DirectorySource(snapshot, 100 << 20), new HubCacheSource(Settings(), null, 100 << 20) };
        var loads = sources.Select(source => source.TryLoadAsync(ModelIdentity.From("org/name"), tried, Token)).ToList();
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.All(loads, load => Assert.True(load is { IsCompleted: true, Result: null }));
        Assert.Equal(2, tried.Count);
        Assert.All(tried, why => Assert.Contains("Connection:MaxTokenizerBytes", why, StringComparison.Ordinal));
        Assert.InRange(allocated, 0, 1 << 20);
        var exception = await Assert.ThrowsAsync<VllmModelException>(() => VllmModelProfile.FromDirectoryAsync(snapshot, options, Token));
        Assert.Contains("Connection:MaxTokenizerBytes", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_FolderOfTooManyFiles_IsRefused()
    {
        TinyModel.WriteTo(_cache);
        for (var i = 0; i < 100; i++)
        {
            await File.WriteAllTextAsync(Path.Combine(_cache, $"{i}.jinja"), "x", Token);
        }

        var tried = new List<string>();
        Assert.Null(await new DirectorySource(_cache, Budget).TryLoadAsync(ModelIdentity.From("m"), tried, Token));
        Assert.Contains("more than 100", Assert.Single(tried), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_FreshCache_ChecksFollowsRedirectsAndFillsTheCache()
    {
        using var hub = new FakeHub();
        var progress = new List<ModelDownloadProgress>();

        var files = await Source(hub, token: "secret", progress: new Collect(progress)).TryLoadAsync(ModelIdentity.From("org/name"), [], Token);

        Assert.Equal(TinyModel.Files["tokenizer.json"].ToArray(), files!.Files["tokenizer.json"].ToArray());
        Assert.DoesNotContain("model.safetensors", hub.Requested);
        Assert.All(hub.Authorizations, pair => Assert.Equal(pair.Host == "hub.test" ? "Bearer secret" : null, pair.Value));
        Assert.Contains(progress, item => item.File == "tokenizer.json" && item.BytesReceived == item.TotalBytes);
        Assert.NotNull(await new HubCacheSource(Settings(), null, Budget).TryLoadAsync(ModelIdentity.From("org/name"), [], Token));
        var before = hub.Requested.Count;
        await Source(hub).TryLoadAsync(ModelIdentity.From("org/name"), [], Token);
        Assert.Equal(before + 1, hub.Requested.Count);
    }

    [Fact]
    public async Task Download_InterruptedFile_IsResumed()
    {
        using var hub = new FakeHub();
        var blobs = Path.Combine(_cache, "models--org--name", "blobs");
        Directory.CreateDirectory(blobs);
        var whole = TinyModel.Files["tokenizer.json"].ToArray();
        await File.WriteAllBytesAsync(Path.Combine(blobs, FakeHub.TagOf("tokenizer.json") + ".incomplete"), whole[..1000], Token);

        var files = await Source(hub).TryLoadAsync(ModelIdentity.From("org/name"), [], Token);

        Assert.Equal(whole, files!.Files["tokenizer.json"].ToArray());
        Assert.Contains(1000, hub.RangeStarts);
    }

    [Fact]
    public async Task Download_CorruptRest_StartsAfreshThenGivesUp()
    {
        using var hub = new FakeHub { Corrupt = true };
        var tried = new List<string>();

        Assert.Null(await Source(hub).TryLoadAsync(ModelIdentity.From("org/name"), tried, Token));

        Assert.Contains("checksum", tried[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized, "HF_TOKEN")]
    [InlineData(HttpStatusCode.NotFound, "has no")]
    [InlineData(HttpStatusCode.InternalServerError, "500")]
    public async Task Download_Refused_SaysWhatToDo(HttpStatusCode status, string expected)
    {
        using var hub = new FakeHub { Refuse = status };
        var tried = new List<string>();

        Assert.Null(await Source(hub).TryLoadAsync(ModelIdentity.From("org/name"), tried, Token));

        Assert.Contains(expected, tried[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Download_SwitchedOffOrOffline_AsksNobody()
    {
        using var hub = new FakeHub();
        var tried = new List<string>();

        Assert.Null(await Source(hub, allowed: false).TryLoadAsync(ModelIdentity.From("org/name"), tried, Token));
        Assert.Null(await Source(hub, offline: true).TryLoadAsync(ModelIdentity.From("org/name"), tried, Token));

        Assert.Empty(hub.Requested);
        Assert.Contains("AllowModelDownload", tried[0], StringComparison.Ordinal);
        Assert.Contains("HF_HUB_OFFLINE", tried[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Locator_NothingWorks_ListsWhatWasTriedAndTheCures()
    {
        await using var host = await ChatHost.StartAsync(
            server: options => options.TokenizerBundle = TokenizerBundle.HubId, client: options => options.HubCacheDirectory = _cache);

        var error = await Assert.ThrowsAsync<VllmModelException>(() => host.Client.GetModelProfileAsync(Token).AsTask());

        Assert.Contains("GetTokenizer", error.Message, StringComparison.Ordinal);
        Assert.Contains("Hugging Face cache", error.Message, StringComparison.Ordinal);
        Assert.Contains("hub download", error.Message, StringComparison.Ordinal);
        Assert.Contains("ModelDirectory", error.Message, StringComparison.Ordinal);
        Assert.Contains("HF_HUB_OFFLINE=1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void HubSettings_Environment_IsReadAsThePythonLibraryReadsIt()
    {
        var environment = new Dictionary<string, string>
        { ["HF_HOME"] = "/hf", ["HF_ENDPOINT"] = "https://mirror.test", ["HF_TOKEN"] = "t", ["HF_HUB_OFFLINE"] = "yes" };

        var settings = HubSettings.FromEnvironment(environment.GetValueOrDefault);

        Assert.Equal(Path.Combine("/hf", "hub"), settings.CacheDirectory);
        Assert.Equal("https://mirror.test/", settings.Endpoint.ToString());
        Assert.Equal("t", settings.Token);
        Assert.True(settings.Offline);
        Assert.DoesNotContain(
            "t", settings.ToString().Split('(')[0].Replace("https://mirror.test/", string.Empty, StringComparison.Ordinal), StringComparison.Ordinal);
    }

    private HubSettings Settings(string? token = null, bool offline = false) => new(new Uri("https://hub.test"), _cache, token, offline);

    private HubDownloadSource Source(
        FakeHub hub, string? token = null, bool allowed = true, bool offline = false, IProgress<ModelDownloadProgress>? progress = null)
    {
        var settings = Settings(token, offline);
        return new HubDownloadSource(
            settings, null, allowed, new HubDownloader(new HttpClient(hub, disposeHandler: false), settings, NullLogger.Instance, progress), Budget);
    }

    private sealed class Collect(List<ModelDownloadProgress> items) : IProgress<ModelDownloadProgress>
    {
        public void Report(ModelDownloadProgress value) => items.Add(value);
    }

    /// <summary>
    /// A hub that serves the tiny model: large files by redirect to another host with a SHA-256, small ones itself with a git blob hash.
    /// </summary>
    private sealed class FakeHub : HttpMessageHandler
    {
        public HttpStatusCode? Refuse { get; init; }

        public bool Corrupt { get; init; }

        public List<string> Requested { get; } = [];

        public List<(string Host, string? Value)> Authorizations { get; } = [];

        public List<long> RangeStarts { get; } = [];

        public static string TagOf(string file)
        {
            var content = TinyModel.Files[file].ToArray();
#pragma warning disable CA5350 // Git's own name for a blob.
            return file == "tokenizer.json"
                ? Convert.ToHexStringLower(SHA256.HashData(content))
                : Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));
#pragma warning restore CA5350
        }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var path = request.RequestUri!.AbsolutePath;
            Requested.Add(Path.GetFileName(path));
            Authorizations.Add((request.RequestUri.Host, request.Headers.Authorization?.ToString()));
            return Task.FromResult(Answer(request, path));
        }

        private HttpResponseMessage Answer(HttpRequestMessage request, string path)
        {
            if (Refuse is { } status)
            {
                return new HttpResponseMessage(status);
            }

            if (path.StartsWith("/api/", StringComparison.Ordinal))
            {
                var siblings = string.Join(',', TinyModel.Files.Keys.Append("model.safetensors").Select(name => $$"""{"rfilename":"{{name}}"}"""));
                return new HttpResponseMessage { Content = new StringContent($$"""{"sha":"{{Commit}}","siblings":[{{siblings}}]}""") };
            }

            var file = Path.GetFileName(path);
            if (file == "tokenizer.json" && request.RequestUri!.Host == "hub.test")
            {
                var redirect = new HttpResponseMessage(HttpStatusCode.Redirect);
                redirect.Headers.Location = new Uri("https://cdn.test/" + file);
                redirect.Headers.TryAddWithoutValidation("X-Linked-Etag", $"\"{TagOf(file)}\"");
                return redirect;
            }

            var content = TinyModel.Files[file].ToArray();
            if (Corrupt)
            {
                content[^1] ^= 1;
            }

            var from = request.Headers.Range?.Ranges.Single().From;
            if (from is long start)
            {
                RangeStarts.Add(start);
                content = content[(int)start..];
            }

            var response = new HttpResponseMessage(from is null ? HttpStatusCode.OK : HttpStatusCode.PartialContent)
            { Content = new ByteArrayContent(content) };
            response.Headers.ETag = new EntityTagHeaderValue($"\"{TagOf(file)}\"");
            return response;
        }
    }
}

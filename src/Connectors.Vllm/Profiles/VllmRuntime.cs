using Connectors.Vllm.Grpc;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm;

/// <summary>
/// The shared state of the clients of a served model: the engine, and the profile, which is loaded once with the first request. After a failed load,
/// the next request tries again; the profile is replaced when the server serves another model. Thread-safe.
/// </summary>
internal sealed class VllmRuntime : IDisposable, IAsyncDisposable
{
    private readonly CancellationTokenSource _disposing = new();
    private readonly bool _ownsEngine;
    private readonly HttpClient? _hubClient;
    private readonly Renewable<VllmModelProfile> _profile;
    private LoadedModel? _lastLoaded;
    private int _disposed;

    public VllmRuntime(VllmGrpcOptions options, IVllmEngine? engine = null, ILoggerFactory? loggerFactory = null, HttpClient? hubClient = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var problems = options.Check().Select(static problem => $"{problem.MemberNames.First()}: {problem.ErrorMessage}").ToList();
        if (problems.Count > 0)
        {
            throw new ArgumentException(string.Join(' ', problems), nameof(options));
        }

        // Later changes to the caller's object must not affect requests.
        Options = options.Clone();
        Logger = (ILogger?)loggerFactory?.CreateLogger("Connectors.Vllm") ?? NullLogger.Instance;
        _ownsEngine = engine is null;
        Engine = engine ?? VllmGrpcClient.CreateEngine(Options.Connection, loggerFactory);
        _hubClient = hubClient;
        _profile = new Renewable<VllmModelProfile>(LoadAsync, _disposing.Token);
    }

    public VllmGrpcOptions Options { get; }

    public IVllmEngine Engine { get; }

    public ILogger Logger { get; }

    /// <summary>The profile, if it has been loaded.</summary>
    public VllmModelProfile? LoadedProfile => _profile.Current;

    /// <summary>The model's name as far as it is known without querying the server.</summary>
    public string? DefaultModelId => Options.ModelId ?? LoadedProfile?.ModelId ?? Options.ModelRepository;

    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    public ValueTask<VllmModelProfile> GetProfileAsync(CancellationToken cancellationToken) => _profile.GetAsync(cancellationToken);

    /// <summary>Runs an operation with the profile, and again with a new one if the server turns out to serve another model.</summary>
    public Task<T> UseProfileAsync<T>(Func<VllmModelProfile, CancellationToken, Task<T>> use, CancellationToken cancellationToken) =>
        _profile.UseAsync(use, mayRepeat: null, cancellationToken);

    /// <summary>Cancels loads and disposes the engine if it is owned.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _disposing.Cancel();
        if (_ownsEngine)
        {
            Engine.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _disposing.CancelAsync().ConfigureAwait(false);
        if (_ownsEngine)
        {
            await Engine.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<VllmModelProfile> LoadAsync(CancellationToken cancellationToken)
    {
        using var span = VllmTelemetry.Source.StartActivity("vllm.load_model");
        var server = QueryServerAsync(cancellationToken);

        // A configured folder is read while the server is queried, because it does not depend on the server.
        Task<ModelAssets>? named = null;
        if (Options.ModelDirectory is { Length: > 0 })
        {
            named = Task.Run(() => LoadAssetsAsync(ModelIdentity.From(Options.ModelId), null, cancellationToken), cancellationToken);
            await Task.WhenAll(server, named).ConfigureAwait(false);
        }

        (var info, var capabilities) = await server.ConfigureAwait(false);
        var assets = await (named ?? LoadAssetsAsync(IdentityOf(info), info, cancellationToken)).ConfigureAwait(false);
        var loaded = new LoadedModel(info, DigestAsync(assets.Files));
        if (_lastLoaded is { } last && last.DiffersFrom(loaded))
        {
            Log.ModelChanged(Logger, last.Info.ServedModelName, info.ServedModelName);
        }

        await CheckNamedFilesAsync(loaded).ConfigureAwait(false);
        var profile = VllmModelProfile.Create(assets, info, capabilities, Options, Logger);
        _lastLoaded = loaded;
        return profile;
    }

    private async Task<(VllmModelInfo Info, VllmCapabilities Capabilities)> QueryServerAsync(CancellationToken cancellationToken) =>
        (await Engine.GetModelInfoAsync(cancellationToken).ConfigureAwait(false),
            await Engine.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false));

    private async Task<ModelAssets> LoadAssetsAsync(ModelIdentity identity, VllmModelInfo? served, CancellationToken cancellationToken) =>
        ModelAssets.Read(await ModelFileLocator.LoadAsync(
            ModelFileLocator.SourcesFor(Options, Engine, served, _hubClient, Logger), identity, Options.Tokenizer is null, Logger,
                cancellationToken).ConfigureAwait(false), Options);

    private ModelIdentity IdentityOf(VllmModelInfo info) => Options.ModelRepository is { } repository
        ? new ModelIdentity(info.ServedModelName, repository, null)
        : ModelIdentity.From(info.ServedModelName, info.TokenizerPath, info.ModelPath, info.ModelId);

    /// <summary>
    /// Computes the digest in the background, because only a later load needs it. As an async method, it does not keep the files in memory after its
    /// completion.
    /// </summary>
    private static async Task<string> DigestAsync(ModelFileSet files) => await Task.Run(files.ComputeDigest).ConfigureAwait(false);

    /// <summary>
    /// Throws if the server has changed its model but the configured files are still the same, because they would produce ids of the wrong
    /// vocabulary.
    /// </summary>
    private async Task CheckNamedFilesAsync(LoadedModel loaded)
    {
        var named = Options.ModelDirectory is { Length: > 0 } ? nameof(VllmGrpcOptions.ModelDirectory)
            : Options.ModelRepository is { Length: > 0 } ? nameof(VllmGrpcOptions.ModelRepository)
            : null;
        if (named is not null && _lastLoaded is { } last && last.DiffersFrom(loaded)
            && await last.Digest.ConfigureAwait(false) == await loaded.Digest.ConfigureAwait(false))
        {
            throw new VllmModelException(
                $"{loaded.Info.Endpoint} was restarted with another model: it serves '{loaded.Info.ServedModelName}' ({loaded.Info.ModelPath}) "
                + $"instead of '{last.Info.ServedModelName}' ({last.Info.ModelPath}), but {named} still refers to the files of the old one. Put the "
                + $"new model's files there, or create a client without {named}.");
        }
    }

    private sealed record LoadedModel(VllmModelInfo Info, Task<string> Digest)
    {
        /// <summary>
        /// Whether the models differ. Two servers may use different names and folders for the same model. A server that only changed its name or
        /// protocol keeps at least one of the two, and values that only one of the protocols reports are not compared. A moved folder is the same
        /// model if the name is unchanged and everything that determines token ids is reported and equal.
        /// </summary>
        public bool DiffersFrom(LoadedModel other) =>
            (Info.VocabularySize is { } size && other.Info.VocabularySize is { } otherSize && size != otherSize)
            || (Info.Endpoint == other.Info.Endpoint && Info.ModelId != other.Info.ModelId && Info.ModelPath != other.Info.ModelPath
                && !IsMoved(other));

        private bool IsMoved(LoadedModel other) => Info.ServedModelName == other.Info.ServedModelName
            && Info.ModelType is not null && other.Info.ModelType is not null && ModelMatch.HaveSameTokens(Info, other.Info);
    }
}

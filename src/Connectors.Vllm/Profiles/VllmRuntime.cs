using Connectors.Vllm.Grpc;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm;

/// <summary>
/// One served model as clients share it: the engine, and the profile, which is loaded with the first request and by one caller only. A failed load is
/// forgotten, so that the next request tries again; a profile whose model is no longer served is replaced. Thread-safe.
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

        // Later changes of the caller's object must not reach requests.
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

    /// <summary>The profile, once it was loaded.</summary>
    public VllmModelProfile? LoadedProfile => _profile.Current;

    /// <summary>What is known of the model's name without asking the server.</summary>
    public string? DefaultModelId => Options.ModelId ?? LoadedProfile?.ModelId ?? Options.ModelRepository;

    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    public ValueTask<VllmModelProfile> GetProfileAsync(CancellationToken cancellationToken) => _profile.GetAsync(cancellationToken);

    /// <summary>Does what needs the profile, and again with a new one when the server turns out to have another model.</summary>
    public Task<T> UseProfileAsync<T>(Func<VllmModelProfile, CancellationToken, Task<T>> use, CancellationToken cancellationToken) =>
        _profile.UseAsync(use, mayRepeat: null, cancellationToken);

    /// <summary>Ends what is running; a borrowed engine goes on for others.</summary>
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
        var server = AskServerAsync(cancellationToken);

        // A folder that was named needs nothing of the server: it is read while the server is asked.
        Task<ModelAssets>? named = null;
        if (Options.ModelDirectory is { Length: > 0 })
        {
            named = Task.Run(() => LoadAssetsAsync(ModelIdentity.From(Options.ModelId), null, cancellationToken), cancellationToken);
            await Task.WhenAll(server, named).ConfigureAwait(false);
        }

        (var info, var capabilities) = await server.ConfigureAwait(false);
        var assets = await (named ?? LoadAssetsAsync(IdentityOf(info), info, cancellationToken)).ConfigureAwait(false);
        var loaded = new LoadedModel(info, DigestAsync(assets.Files));
        if (_lastLoaded is { } last && last.IsAnotherThan(loaded))
        {
            Log.ModelChanged(Logger, last.Info.ServedModelName, info.ServedModelName);
        }

        await CheckNamedFilesAsync(loaded).ConfigureAwait(false);
        var profile = VllmModelProfile.Create(assets, info, capabilities, Options, Logger);
        _lastLoaded = loaded;
        return profile;
    }

    private async Task<(VllmModelInfo Info, VllmCapabilities Capabilities)> AskServerAsync(CancellationToken cancellationToken) =>
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
    /// Only a later load looks at it, so no request waits for it. Asynchronous, so that what stays of it is the text and not the files.
    /// </summary>
    private static async Task<string> DigestAsync(ModelFileSet files) => await Task.Run(files.ComputeDigest).ConfigureAwait(false);

    /// <summary>
    /// Files that the options name cannot follow the server to another model; silently they would give ids of the wrong vocabulary.
    /// </summary>
    private async Task CheckNamedFilesAsync(LoadedModel loaded)
    {
        var named = Options.ModelDirectory is { Length: > 0 } ? nameof(VllmGrpcOptions.ModelDirectory)
            : Options.ModelRepository is { Length: > 0 } ? nameof(VllmGrpcOptions.ModelRepository)
            : null;
        if (named is not null && _lastLoaded is { } last && last.IsAnotherThan(loaded)
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
        /// Two servers may call the same model and its folder differently. One server keeps at least one of the two when only its name or its
        /// protocol has changed, and the protocols do not tell the same: what only one of them knows does not count. A folder that was moved is the
        /// same model where the name stays and everything is told that decides about token ids.
        /// </summary>
        public bool IsAnotherThan(LoadedModel other) =>
            (Info.VocabularySize is { } size && other.Info.VocabularySize is { } otherSize && size != otherSize)
            || (Info.Endpoint == other.Info.Endpoint && Info.ModelId != other.Info.ModelId && Info.ModelPath != other.Info.ModelPath
                && !IsMoved(other));

        private bool IsMoved(LoadedModel other) => Info.ServedModelName == other.Info.ServedModelName
            && Info.ModelType is not null && other.Info.ModelType is not null && ModelMatch.HaveSameTokens(Info, other.Info);
    }
}

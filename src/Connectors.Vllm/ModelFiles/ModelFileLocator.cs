using System.Text.RegularExpressions;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>Loads a model's tokenizer and template from the first source that has them; the exception lists all sources that were tried.</summary>
internal static class ModelFileLocator
{
    public static IReadOnlyList<IModelFileSource> SourcesFor(
        VllmGrpcOptions options, IVllmEngine? engine, VllmModelInfo? served, HttpClient? hubClient, ILogger logger)
    {
        var needsTokenizer = options.Tokenizer is null;
        var maxBytes = options.Connection.MaxTokenizerBytes;

        // A configured directory is the only source: falling back to another tokenizer would hide a mistake.
        if (!string.IsNullOrEmpty(options.ModelDirectory))
        {
            return [new DirectorySource(options.ModelDirectory, maxBytes, needsTokenizer)];
        }

        var hub = HubSettings.FromEnvironment(null, options.HubEndpoint, options.HubCacheDirectory, options.HubToken);
        var sources = new List<IModelFileSource>();
        if (engine is not null)
        {
            sources.Add(new EngineSource(engine, served, needsTokenizer));
        }

        sources.Add(new HubCacheSource(hub, options.ModelRevision, maxBytes));
        sources.Add(new HubDownloadSource(
            hub,
            options.ModelRevision,
            options.AllowModelDownload,
            new HubDownloader(hubClient ?? HubDownloader.CreateClient(), hub, logger, options.DownloadProgress),
            maxBytes));
        return sources;
    }

    /// <exception cref="VllmModelException">No source has the files.</exception>
    public static async Task<ModelFileSet> LoadAsync(
        IReadOnlyList<IModelFileSource> sources, ModelIdentity model, bool needsTokenizer, ILogger logger, CancellationToken cancellationToken)
    {
        var tried = new List<string>();
        foreach (var source in sources)
        {
            if (await source.TryLoadAsync(model, tried, cancellationToken).ConfigureAwait(false) is { } files)
            {
                return files;
            }

            Log.SourceFailed(logger, tried.LastOrDefault() ?? source.Name);
        }

        if (!needsTokenizer)
        {
            // Chats then need a template from the options; raw completions and embeddings need nothing else.
            return new ModelFileSet(new Dictionary<string, ReadOnlyMemory<byte>>(), "VllmGrpcOptions.Tokenizer");
        }

        var name = model.ServedName.Length > 0 ? $"'{model.ServedName}'" : "the served model";
        throw new VllmModelException(
            $"No tokenizer was found for {name}. Tried: {string.Join("; ", tried)}. "
            + "To fix this, start the server from a local model folder (or with HF_HUB_OFFLINE=1, so that it resolves the hub id to one); "
            + "set ModelDirectory to a folder with the model's tokenizer.json; or set ModelRepository and allow downloads.");
    }
}

/// <summary>The identity of a served model.</summary>
/// <param name="ServedName">The name used in requests and responses.</param>
/// <param name="Repository">The hub id (<c>org/name</c>), if the names and paths reported by the server contain one.</param>
/// <param name="Revision">The commit, if the server's path contains it; otherwise <see langword="null"/>.</param>
internal sealed partial record ModelIdentity(string ServedName, string? Repository, string? Revision)
{
    /// <summary>
    /// Parses names and paths as reported by a vLLM server. An offline server resolves <c>org/model</c> to its snapshot folder
    /// (<c>…/models--org--model/snapshots/&lt;commit&gt;</c>) and reports that path as the model's name.
    /// </summary>
    /// <param name="servedName">The served model name, which may be a path or empty.</param>
    /// <param name="paths">The tokenizer and model paths, in order of preference.</param>
    public static ModelIdentity From(string? servedName, params ReadOnlySpan<string?> paths)
    {
        string? repository = null;
        string? revision = null;
        foreach (var path in (ReadOnlySpan<string?>)[.. paths, servedName])
        {
            if (string.IsNullOrEmpty(path))
            {
                continue;
            }

            if (SnapshotPath().Match(path) is { Success: true } snapshot && !snapshot.Groups["id"].Value.Contains("..", StringComparison.Ordinal))
            {
                repository = snapshot.Groups["id"].Value.Replace("--", "/", StringComparison.Ordinal);
                revision = snapshot.Groups["commit"].Value;
                break;
            }

            if (VllmGrpcOptions.IsRepositoryId(path))
            {
                repository = path;
                break;
            }
        }

        var name = servedName is { Length: > 0 } && !SnapshotPath().IsMatch(servedName) ? servedName : repository ?? servedName ?? string.Empty;
        return new ModelIdentity(name, repository, revision);
    }

    [GeneratedRegex(@"(^|[/\\])models--(?<id>[A-Za-z0-9._-]+)[/\\]snapshots[/\\](?<commit>[0-9a-f]{7,64})[/\\]?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex SnapshotPath();
}

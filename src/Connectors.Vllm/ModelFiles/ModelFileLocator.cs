using Connectors.Vllm.Grpc;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>Asks the places a model's tokenizer and template can come from, in order, and says what was tried when none has them.</summary>
internal static class ModelFileLocator
{
    public static IReadOnlyList<IModelFileSource> SourcesFor(
        VllmGrpcOptions options, IVllmEngine? engine, VllmModelInfo? served, HttpClient? hubClient, ILogger logger)
    {
        var needsTokenizer = options.Tokenizer is null;

        // A directory that was named is meant: falling through to another tokenizer would hide a mistake.
        if (!string.IsNullOrEmpty(options.ModelDirectory))
        {
            return [new DirectorySource(options.ModelDirectory, needsTokenizer)];
        }

        var hub = HubSettings.FromEnvironment(null, options.HubEndpoint, options.HubCacheDirectory, options.HubToken);
        var sources = new List<IModelFileSource>();
        if (engine is not null)
        {
            sources.Add(new EngineSource(engine, served, needsTokenizer));
        }

        sources.Add(new HubCacheSource(hub, options.ModelRevision));
        sources.Add(new HubDownloadSource(
            hub, options.ModelRevision, options.AllowModelDownload,
                new HubDownloader(hubClient ?? HubDownloader.CreateClient(), hub, logger, options.DownloadProgress)));
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
            // A chat then needs a template from the options; raw completions and embeddings need no more.
            return new ModelFileSet(new Dictionary<string, ReadOnlyMemory<byte>>(), "VllmGrpcOptions.Tokenizer");
        }

        var name = model.ServedName.Length > 0 ? $"'{model.ServedName}'" : "the served model";
        throw new VllmModelException(
            $"No tokenizer was found for {name}. Tried: {string.Join("; ", tried)}. "
            + "To fix this, start the server from a local model folder (or with HF_HUB_OFFLINE=1, so that it resolves the hub id to one); "
            + "set ModelDirectory to a folder with the model's tokenizer.json; or set ModelRepository and allow downloads.");
    }
}

using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>One place a model's tokenizer and template can come from.</summary>
internal interface IModelFileSource
{
    /// <summary>Short name for messages: "ModelDirectory", "GetTokenizer", "Hugging Face cache", "hub download".</summary>
    string Name { get; }

    /// <summary>
    /// Returns the files, or <see langword="null"/> with the reason added to <paramref name="tried"/>. A source that
    /// fails must not keep the next one from being asked; thrown are only cancellation and <see cref="VllmModelChangedException"/>.
    /// </summary>
    Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken);
}

/// <summary>A model folder on this machine, as the option <see cref="VllmGrpcOptions.ModelDirectory"/> names it.</summary>
/// <param name="directory">The folder.</param>
/// <param name="needsTokenizer">Whether a folder without a tokenizer is of no use.</param>
internal sealed class DirectorySource(string directory, bool needsTokenizer = true) : IModelFileSource
{
    public string Name => "ModelDirectory";

    public Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken) =>
        ReadAsync(directory, $"directory {directory}", Name, tried, needsTokenizer, cancellationToken);

    public static async Task<ModelFileSet?> ReadAsync(
        string directory, string origin, string name, ICollection<string> tried, bool needsTokenizer, CancellationToken cancellationToken)
    {
        try
        {
            if (!Directory.Exists(directory))
            {
                tried.Add($"{name}: the directory '{directory}' does not exist");
                return null;
            }

            var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
            foreach (var path in Directory.EnumerateFiles(directory).Concat(NamedTemplates(directory)))
            {
                var relative = Path.GetRelativePath(directory, path).Replace('\\', '/');
                if (!ModelFileNames.IsWanted(relative))
                {
                    continue;
                }

                // A hub cache holds links, whose own length says nothing.
                var target = (FileInfo?)new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) ?? new FileInfo(path);
                if (target.Length > ModelFileNames.MaxFileBytes)
                {
                    tried.Add($"{name}: '{path}' is larger than {ModelFileNames.MaxFileBytes >> 20} MiB");
                    return null;
                }

                files[relative] = await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false);
            }

            var set = new ModelFileSet(files, origin);
            if (set.HasTokenizer || !needsTokenizer)
            {
                return set;
            }

            tried.Add($"{name}: '{directory}' holds no tokenizer files");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            tried.Add($"{name}: {error.Message}");
        }

        return null;
    }

    private static IEnumerable<string> NamedTemplates(string directory)
    {
        var folder = Path.Combine(directory, "additional_chat_templates");
        return Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.jinja") : [];
    }
}

/// <summary>
/// The server itself, by its GetTokenizer call (VllmEngine protocol, when it was started from a local model folder). A server that got another
/// model than
/// <paramref name="served"/> in between is a <see cref="VllmModelChangedException"/>: other sources would not fit it either.
/// </summary>
internal sealed class EngineSource(IVllmEngine engine, VllmModelInfo? served, bool needsTokenizer = true) : IModelFileSource
{
    public string Name => "GetTokenizer";

    public async Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken)
    {
        try
        {
            var capabilities = await engine.GetCapabilitiesAsync(cancellationToken).ConfigureAwait(false);
            if (!capabilities.TokenizerTransfer)
            {
                tried.Add($"{Name}: the server cannot send its tokenizer");
                return null;
            }

            var files = await engine.GetTokenizerBundleAsync(null, served, cancellationToken).ConfigureAwait(false);
            var set = new ModelFileSet(files, $"GetTokenizer of {engine.Endpoint}");
            if (set.HasTokenizer || !needsTokenizer)
            {
                return set;
            }

            tried.Add($"{Name}: the server's archive holds no tokenizer");
        }
        catch (VllmException error) when (error is not (
            VllmProtocolException or VllmModelChangedException or VllmRequestException { Parameter: nameof(VllmConnectionOptions.Endpoints) }))
        {
            tried.Add($"{Name}: {(error.ServerMessage.Length > 0 ? error.ServerMessage : error.Message)}");
        }

        return null;
    }
}

/// <summary>
/// The local Hugging Face cache: <c>models--org--name/refs/main</c> names a commit, <c>snapshots/&lt;commit&gt;</c> holds the files.
/// See https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
/// </summary>
internal sealed class HubCacheSource(HubSettings hub, string? revision) : IModelFileSource
{
    public string Name => "Hugging Face cache";

    public async Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken)
    {
        if (model.Repository is null)
        {
            tried.Add($"{Name}: the server's names hold no hub id; set ModelRepository");
            return null;
        }

        var repository = hub.RepositoryDirectory(model.Repository);
        var commit = FindCommit(repository, revision ?? model.Revision ?? "main");
        if (commit is null)
        {
            tried.Add($"{Name}: '{model.Repository}' is not in {hub.CacheDirectory}");
            return null;
        }

        return await DirectorySource.ReadAsync(
            Path.Combine(repository, "snapshots", commit), $"Hugging Face cache ({model.Repository} at {commit})", Name, tried,
                needsTokenizer: true, cancellationToken).ConfigureAwait(false);
    }

    private static string? FindCommit(string repository, string revision)
    {
        if (revision.Contains("..", StringComparison.Ordinal) || Path.IsPathRooted(revision))
        {
            return null;
        }

        try
        {
            if (Directory.Exists(Path.Combine(repository, "snapshots", revision)))
            {
                return revision;
            }

            var reference = Path.Combine(repository, "refs", revision);
            return File.Exists(reference) && File.ReadAllText(reference).Trim() is { Length: > 0 and <= 64 } commit
                && Directory.Exists(Path.Combine(repository, "snapshots", commit)) ? commit : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

namespace Connectors.Vllm;

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

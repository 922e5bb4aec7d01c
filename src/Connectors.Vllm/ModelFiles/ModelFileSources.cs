using Connectors.Vllm.Grpc;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm;

/// <summary>A source of a model's tokenizer and template.</summary>
internal interface IModelFileSource
{
    /// <summary>The short name for messages: "ModelDirectory", "GetTokenizer", "Hugging Face cache", "hub download".</summary>
    string Name { get; }

    /// <summary>
    /// Returns the files, or <see langword="null"/> with the reason added to <paramref name="tried"/>. A failure must not prevent the next source
    /// from being tried, so only cancellation and <see cref="VllmModelChangedException"/> are thrown.
    /// </summary>
    Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken);
}

/// <summary>A local model folder, as configured by <see cref="VllmGrpcOptions.ModelDirectory"/>.</summary>
/// <param name="directory">The folder.</param>
/// <param name="maxBytes">The maximum memory for its files together.</param>
/// <param name="needsTokenizer">Whether the folder must contain a tokenizer.</param>
internal sealed class DirectorySource(string directory, long maxBytes, bool needsTokenizer = true) : IModelFileSource
{
    public string Name => "ModelDirectory";

    public Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken) =>
        Task.FromResult(Read(directory, maxBytes, $"directory {directory}", Name, tried, needsTokenizer, cancellationToken));

    public static ModelFileSet? Read(
        string directory, long maxBytes, string origin, string name, ICollection<string> tried, bool needsTokenizer,
        CancellationToken cancellationToken)
    {
        try
        {
            if (!Directory.Exists(directory))
            {
                tried.Add($"{name}: the directory '{directory}' does not exist");
                return null;
            }

            // All sizes are checked before the first file is read.
            var budget = new FileBudget(directory, maxBytes);
            var wanted = new List<(string Path, string Name, long Size)>();
            foreach (var (relative, path) in ModelFolder.Files(directory))
            {
                var size = SizedFile.SizeOf(path);
                budget.Take(path, size);
                wanted.Add((path, relative, size));
            }

            var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
            foreach (var (path, relative, counted) in wanted)
            {
                cancellationToken.ThrowIfCancellationRequested();
                files[relative] = SizedFile.Read(path, size => budget.Check(path, size - counted));
            }

            var set = new ModelFileSet(files, origin);
            if (set.HasTokenizer || !needsTokenizer)
            {
                return set;
            }

            tried.Add($"{name}: '{directory}' contains no tokenizer files");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            tried.Add($"{name}: {error.Message}");
        }

        return null;
    }
}

/// <summary>
/// The server itself, through its GetTokenizer call (VllmEngine protocol, if it was started from a local model folder). Throws <see
/// cref="VllmModelChangedException"/> if the server no longer serves <paramref name="served"/>, because other sources would not match it either.
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

            tried.Add($"{Name}: the server's archive contains no tokenizer");
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
/// The local Hugging Face cache: <c>models--org--name/refs/main</c> contains a commit, <c>snapshots/&lt;commit&gt;</c> the files. See
/// https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
/// </summary>
/// <param name="hub">The location of the cache.</param>
/// <param name="revision">The branch, tag or commit; null for the one that the server reports, or "main".</param>
/// <param name="maxBytes">The maximum memory for the files together.</param>
internal sealed class HubCacheSource(HubSettings hub, string? revision, long maxBytes) : IModelFileSource
{
    /// <summary>The maximum size of a reference, which contains a commit's id.</summary>
    private const int MaxReferenceBytes = 1024;

    public string Name => "Hugging Face cache";

    public Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken) =>
        Task.FromResult(TryLoad(model, tried, cancellationToken));

    private ModelFileSet? TryLoad(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken)
    {
        if (model.Repository is null)
        {
            tried.Add($"{Name}: the server's model names do not contain a hub id; set ModelRepository");
            return null;
        }

        var repository = hub.RepositoryDirectory(model.Repository);
        var commit = FindCommit(repository, revision ?? model.Revision ?? "main");
        if (commit is null)
        {
            tried.Add($"{Name}: '{model.Repository}' is not in {hub.CacheDirectory}");
            return null;
        }

        return DirectorySource.Read(
            Path.Combine(repository, "snapshots", commit), maxBytes, $"Hugging Face cache ({model.Repository} at {commit})", Name, tried,
            needsTokenizer: true, cancellationToken);
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
            return File.Exists(reference) && new FileInfo(reference).Length <= MaxReferenceBytes
                && File.ReadAllText(reference).Trim() is { Length: > 0 and <= 64 } commit
                && Directory.Exists(Path.Combine(repository, "snapshots", commit)) ? commit : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>Limits the number of files that one load reads, and their memory; checked before each file is read.</summary>
/// <param name="place">The location of the files, for messages.</param>
/// <param name="maxBytes">The maximum memory.</param>
internal sealed class FileBudget(string place, long maxBytes)
{
    /// <summary>The maximum size of one file; real files of these kinds are much smaller.</summary>
    public const long MaxFileBytes = 200L << 20;

    /// <summary>The maximum number of files; a model has about a dozen.</summary>
    public const int MaxFiles = 100;

    private int _files;
    private long _bytes;

    /// <summary>The remaining memory, limited to the maximum size of one file.</summary>
    public long Left => Math.Min(MaxFileBytes, maxBytes - _bytes);

    /// <summary>Counts a file.</summary>
    /// <exception cref="InvalidDataException">The file exceeds a limit.</exception>
    public void Take(string path, long size)
    {
        Check(path, size);
        _bytes += size;
        if (++_files > MaxFiles)
        {
            throw new InvalidDataException($"{place} contains more than {MaxFiles} tokenizer and template files");
        }
    }

    /// <exception cref="InvalidDataException">A file of this size exceeds a limit.</exception>
    public void Check(string path, long size)
    {
        if (size > maxBytes - _bytes)
        {
            throw new InvalidDataException(
                $"{place} contains tokenizer and template files of more than {maxBytes} bytes ('{path}' has {size}); check where they come from, or "
                + $"raise {nameof(VllmGrpcOptions.Connection)}:{nameof(VllmConnectionOptions.MaxTokenizerBytes)}");
        }

        if (size > MaxFileBytes)
        {
            throw new InvalidDataException($"'{path}' is larger than {MaxFileBytes >> 20} MiB");
        }
    }
}

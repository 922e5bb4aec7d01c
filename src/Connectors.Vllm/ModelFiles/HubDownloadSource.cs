using System.Net;
using System.Text.Json;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm;

/// <summary>
/// Downloads a model's tokenizer, template and configuration files from a hub into the local Hugging Face cache (with the layout of the Python
/// library) and reads them from there. Weights are never downloaded. Disabled by the option or by an environment variable for offline mode.
/// </summary>
/// <param name="hub">The location of the hub and its cache.</param>
/// <param name="revision">The branch, tag or commit; null for the one that the server reports, or "main".</param>
/// <param name="allowed">Whether downloads are allowed.</param>
/// <param name="downloader">The downloader.</param>
/// <param name="maxBytes">The maximum size of the files together.</param>
internal sealed class HubDownloadSource(HubSettings hub, string? revision, bool allowed, HubDownloader downloader, long maxBytes) : IModelFileSource
{
    /// <summary>The listing of a model repository has a few hundred names at most.</summary>
    private const int MaxListingBytes = 16 << 20;

    public string Name => "hub download";

    public async Task<ModelFileSet?> TryLoadAsync(ModelIdentity model, ICollection<string> tried, CancellationToken cancellationToken)
    {
        if (Refusal(model) is string refusal)
        {
            tried.Add($"{Name}: {refusal}");
            return null;
        }

        var repository = model.Repository!;
        var wanted = revision ?? model.Revision ?? "main";
        try
        {
            (var commit, var files) = await ListAsync(repository, wanted, cancellationToken).ConfigureAwait(false);
            var folder = hub.RepositoryDirectory(repository);
            var snapshot = Path.Combine(folder, "snapshots", commit);
            var budget = new FileBudget(repository, maxBytes);
            foreach (var file in files)
            {
                await downloader.FetchAsync(repository, commit, file, folder, snapshot, budget, cancellationToken).ConfigureAwait(false);
            }

            if (!string.Equals(wanted, commit, StringComparison.Ordinal))
            {
                var reference = Path.Combine(folder, "refs", wanted);
                Directory.CreateDirectory(Path.GetDirectoryName(reference)!);
                await File.WriteAllTextAsync(reference, commit, cancellationToken).ConfigureAwait(false);
            }

            return DirectorySource.Read(
                snapshot, maxBytes, $"{hub.Endpoint} ({repository} at {commit})", Name, tried, needsTokenizer: true, cancellationToken);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or UnauthorizedAccessException or JsonException
            or InvalidDataException

            // Thrown for an invalid listing or address.
            or (InvalidOperationException and not ObjectDisposedException) or FormatException or NotSupportedException
            || (error is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            tried.Add($"{Name}: {Explain(error, repository)}");
            return null;
        }
    }

    private string? Refusal(ModelIdentity model)
    {
        if (!allowed)
        {
            return "disabled (AllowModelDownload)";
        }

        if (hub.Offline)
        {
            return "disabled by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE";
        }

        if (model.Repository is null)
        {
            return "the server's model names do not contain a hub id; set ModelRepository";
        }

        var wanted = revision ?? model.Revision ?? "main";
        return wanted.Contains("..", StringComparison.Ordinal) || Path.IsPathRooted(wanted) ? $"'{wanted}' is not a revision" : null;
    }

    private string Explain(Exception error, string repository) => error is HttpRequestException { StatusCode: { } status }
        ? status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden =>
                $"{hub.Endpoint} refuses '{repository}' ({(int)status}); a gated or private model requires HF_TOKEN",
            HttpStatusCode.NotFound => $"{hub.Endpoint} has no '{repository}' (404)",
            _ => $"{hub.Endpoint} answered {(int)status}",
        }
        : $"{hub.Endpoint}: {error.Message}";

    private async Task<(string Commit, List<string> Files)> ListAsync(string repository, string wanted, CancellationToken cancellationToken)
    {
        var address = new Uri(hub.Endpoint, $"/api/models/{repository}/revision/{Uri.EscapeDataString(wanted)}");
        var listing = await downloader.GetSmallAsync(address, MaxListingBytes, cancellationToken).ConfigureAwait(false);
        using var document = JsonDocument.Parse(listing);
        var commit = document.RootElement.TryGetProperty("sha", out var sha) ? sha.GetString() : null;
        if (commit is null || commit.Length > 64 || !commit.All(char.IsAsciiHexDigit))
        {
            throw new InvalidDataException($"The listing of '{repository}' does not contain a commit.");
        }

        var files = new List<string>();
        if (document.RootElement.TryGetProperty("siblings", out var siblings) && siblings.ValueKind == JsonValueKind.Array)
        {
            foreach (var sibling in siblings.EnumerateArray())
            {
                if (sibling.TryGetProperty("rfilename", out var name) && name.GetString() is string file)
                {
                    files.Add(file);
                }
            }
        }

        files = [.. ModelFolder.Wanted(files)];
        return files.Count <= FileBudget.MaxFiles ? (commit, files)
            : throw new InvalidDataException($"'{repository}' lists {files.Count} tokenizer and template files; at most {FileBudget.MaxFiles} "
                + "are taken.");
    }
}

/// <summary>
/// The location of the Hugging Face hub and its cache, from the environment variables of the Python library
/// (https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables). Values of the options take precedence.
/// </summary>
internal sealed record HubSettings(Uri Endpoint, string CacheDirectory, string? Token, bool Offline)
{
    public static HubSettings FromEnvironment(Func<string, string?>? environment = null, Uri? endpoint = null, string? cacheDirectory = null,
        string? token = null)
    {
        var read = environment ?? Environment.GetEnvironmentVariable;
        var home = Value("HF_HOME") ?? Path.Combine(
            Value("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "huggingface");
        var cache = cacheDirectory ?? Value("HF_HUB_CACHE") ?? Value("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub");
        var server = endpoint ?? (Uri.TryCreate(Value("HF_ENDPOINT"), UriKind.Absolute, out var set) ? set : new Uri("https://huggingface.co"));
        return new HubSettings(server, cache, token ?? Value("HF_TOKEN") ?? ReadToken(Value("HF_TOKEN_PATH") ?? Path.Combine(home, "token")),
            IsOn("HF_HUB_OFFLINE") || IsOn("TRANSFORMERS_OFFLINE"));

        string? Value(string name) => read(name) is { Length: > 0 } value ? value : null;

        bool IsOn(string name) => Value(name)?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";
    }

    /// <summary>Gets the folder of a repository in the cache.</summary>
    public string RepositoryDirectory(string repository) =>
        Path.Combine(CacheDirectory, "models--" + repository.Replace("/", "--", StringComparison.Ordinal));

    /// <summary>Omits the token, because records may be logged.</summary>
    public override string ToString() => $"{Endpoint} ({CacheDirectory}{(Offline ? ", offline" : string.Empty)})";

    private static string? ReadToken(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

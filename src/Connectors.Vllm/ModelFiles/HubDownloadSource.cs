using System.Net;
using System.Text.Json;

namespace Connectors.Vllm;

/// <summary>
/// Downloads a model's small files from a hub into the local Hugging Face cache (same layout, so Python finds them too) and reads them from there.
/// Weights are never touched. Off when the option or an offline variable says so.
/// </summary>
internal sealed class HubDownloadSource(HubSettings hub, string? revision, bool allowed, HubDownloader downloader) : IModelFileSource
{
    /// <summary>A repository listing is a few hundred names; more is not a model.</summary>
    private const int MaxListingBytes = 16 << 20;

    /// <summary>A model has a dozen of these files; more is not a model.</summary>
    private const int MaxFiles = 100;

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
            foreach (var file in files)
            {
                await downloader.FetchAsync(repository, commit, file, folder, snapshot, cancellationToken).ConfigureAwait(false);
            }

            if (!string.Equals(wanted, commit, StringComparison.Ordinal))
            {
                var reference = Path.Combine(folder, "refs", wanted);
                Directory.CreateDirectory(Path.GetDirectoryName(reference)!);
                await File.WriteAllTextAsync(reference, commit, cancellationToken).ConfigureAwait(false);
            }

            return await DirectorySource.ReadAsync(
                snapshot, $"{hub.Endpoint} ({repository} at {commit})", Name, tried, needsTokenizer: true, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or UnauthorizedAccessException or JsonException
            or InvalidDataException
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
            return "switched off (AllowModelDownload)";
        }

        if (hub.Offline)
        {
            return "switched off by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE";
        }

        if (model.Repository is null)
        {
            return "the server's names hold no hub id; set ModelRepository";
        }

        var wanted = revision ?? model.Revision ?? "main";
        return wanted.Contains("..", StringComparison.Ordinal) || Path.IsPathRooted(wanted) ? $"'{wanted}' is not a revision" : null;
    }

    private string Explain(Exception error, string repository) => error is HttpRequestException { StatusCode: { } status }
        ? status switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden =>
                $"{hub.Endpoint} refuses '{repository}' ({(int)status}); a gated or private model needs HF_TOKEN",
            HttpStatusCode.NotFound => $"{hub.Endpoint} knows no '{repository}' (404)",
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
            throw new InvalidDataException($"The listing of '{repository}' names no commit.");
        }

        var files = new List<string>();
        if (document.RootElement.TryGetProperty("siblings", out var siblings) && siblings.ValueKind == JsonValueKind.Array)
        {
            foreach (var sibling in siblings.EnumerateArray())
            {
                if (sibling.TryGetProperty("rfilename", out var name) && name.GetString() is string file && ModelFileNames.IsWanted(file))
                {
                    files.Add(file);
                }
            }
        }

        return files.Count <= MaxFiles ? (commit, files)
            : throw new InvalidDataException($"'{repository}' lists {files.Count} tokenizer and template files; at most {MaxFiles} are taken.");
    }
}

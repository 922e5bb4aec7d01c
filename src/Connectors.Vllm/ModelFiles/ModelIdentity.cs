using System.Text.RegularExpressions;

namespace Connectors.Vllm;

/// <summary>What is known about the name of a served model.</summary>
/// <param name="ServedName">The name requests use and responses report.</param>
/// <param name="Repository">The hub id (<c>org/name</c>), when one can be told from the names and paths the server gave.</param>
/// <param name="Revision">The commit, when the server's path names it; else <see langword="null"/>.</param>
internal sealed partial record ModelIdentity(string ServedName, string? Repository, string? Revision)
{
    /// <summary>
    /// Reads names and paths as a vLLM server reports them. An offline server resolves <c>org/model</c> to its snapshot folder
    /// (<c>…/models--org--model/snapshots/&lt;commit&gt;</c>) and reports that path as the model's name.
    /// </summary>
    /// <param name="servedName">The served model name, possibly a path, possibly empty.</param>
    /// <param name="paths">Tokenizer and model paths, best first.</param>
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

namespace Connectors.Vllm;

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

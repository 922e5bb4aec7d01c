using System.Text;
using System.Text.Json;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.ChatTemplates.Loading;

/// <summary>The files of a model that define its prompts, from a folder or from memory.</summary>
internal sealed class ModelFiles
{
    private const int MaxFileLength = 64 << 20;

    private readonly Dictionary<string, Func<ReadOnlyMemory<byte>>> _files = new(StringComparer.Ordinal);

    public static ModelFiles OfDirectory(string path)
    {
        if (!Directory.Exists(path))
        {
            throw new ChatTemplateException($"The model folder '{path}' does not exist.");
        }

        var files = new ModelFiles();
        foreach (var (name, file) in ModelFolder.Files(path))
        {
            files._files[name] = () => ReadFile(file);
        }

        return files;
    }

    public static ModelFiles OfMemory(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> contents)
    {
        var files = new ModelFiles();
        var folder = CommonFolder(contents.Keys);
        foreach (var (name, content) in contents)
        {
            files._files[Normalize(name)[folder.Length..]] = () => content;
        }

        return files;
    }

    /// <summary>Gets a file as text, with its byte order mark, like Python's utf-8; null if it does not exist.</summary>
    public string? Text(string name) => _files.TryGetValue(name, out var read) ? Encoding.UTF8.GetString(read().Span) : null;

    /// <summary>Gets a JSON file; null if it does not exist.</summary>
    public JsonElement? Json(string name)
    {
        if (!_files.TryGetValue(name, out var read))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(read());
            return document.RootElement.Clone();
        }
        catch (JsonException exception)
        {
            throw new ChatTemplateException($"{name} is not valid JSON: {exception.Message}", exception);
        }
    }

    /// <summary>Gets the additional templates by name.</summary>
    public IEnumerable<(string Name, string Source)> AdditionalTemplates()
    {
        foreach (var path in _files.Keys.Order(StringComparer.Ordinal))
        {
            if (ModelFolder.TemplateNameOf(path) is { } name)
            {
                yield return (name, Text(path)!);
            }
        }
    }

    private static ReadOnlyMemory<byte> ReadFile(string path) => SizedFile.Read(path, size =>
    {
        if (size > MaxFileLength)
        {
            throw new ChatTemplateException($"'{path}' is larger than {MaxFileLength} bytes.");
        }
    });

    private static string Normalize(string name) => name.Replace('\\', '/').TrimStart('/');

    // The names may contain the folder from which they were packed.
    private static string CommonFolder(IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            var path = Normalize(name);
            if (path.EndsWith("/" + ModelFolder.TokenizerConfig, StringComparison.Ordinal)
                || path.EndsWith("/" + ModelFolder.TokenizerJson, StringComparison.Ordinal))
            {
                var folder = path[..(path.LastIndexOf('/') + 1)];
                return names.All(other => Normalize(other).StartsWith(folder, StringComparison.Ordinal)) ? folder : "";
            }
        }

        return "";
    }
}

using System.Collections.Frozen;

namespace Connectors.Vllm.Testing;

/// <summary>
/// The small model that ships with this package: a byte-level BPE tokenizer, a ChatML-like template with thinking and tools, and configuration files,
/// all of our own making (<c>eng/tiny-model</c> in the repository makes them). There are no weights; the demonstration model of
/// <see cref="VllmTestServer"/> speaks for it.
/// </summary>
public static class TinyModel
{
    /// <summary>Name the server reports for it.</summary>
    public const string Name = "connectors-vllm/tiny-chat";

    private const string ResourcePrefix = "TinyModel.";

    private static readonly Lazy<FrozenDictionary<string, ReadOnlyMemory<byte>>> LazyFiles = new(ReadFiles);

    /// <summary>The model's files by name: tokenizer.json, tokenizer_config.json, chat_template.jinja, config.json, generation_config.json.</summary>
    public static IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files => LazyFiles.Value;

    /// <summary>Writes the files into a folder, which is created when it does not exist.</summary>
    /// <param name="directory">The folder.</param>
    /// <returns>The folder's full path.</returns>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static string WriteTo(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        var folder = Directory.CreateDirectory(directory).FullName;
        foreach (var (name, bytes) in Files)
        {
            File.WriteAllBytes(Path.Combine(folder, name), bytes.Span);
        }

        return folder;
    }

    private static FrozenDictionary<string, ReadOnlyMemory<byte>> ReadFiles()
    {
        var assembly = typeof(TinyModel).Assembly;
        var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames())
        {
            if (resource.StartsWith(ResourcePrefix, StringComparison.Ordinal))
            {
                using var stream = assembly.GetManifestResourceStream(resource)!;
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                files[resource[ResourcePrefix.Length..]] = bytes;
            }
        }

        return files.ToFrozenDictionary(StringComparer.Ordinal);
    }
}

using System.Security.Cryptography;
using System.Text;

namespace Connectors.Vllm;

/// <summary>The files that say how to talk to one model (tokenizer, template, configuration), in memory, and where they came from.</summary>
/// <param name="Files">File name (or path with '/' below the model's folder) to content.</param>
/// <param name="Origin">Where they came from, for people: "directory /models/qwen3", "GetTokenizer of http://gpu:50051".</param>
internal sealed record ModelFileSet(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files, string Origin)
{
    /// <summary>Whether there is anything a tokenizer could be made from.</summary>
    public bool HasTokenizer =>
        Files.Keys.Any(static name => name is "tokenizer.json" or "tekken.json" || name.EndsWith(".model", StringComparison.Ordinal)
            || name.EndsWith(".tiktoken", StringComparison.Ordinal));

    /// <summary>Tells whether two sets hold the same files: hex SHA-256 over names and contents.</summary>
    public string ComputeDigest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((var name, var content) in Files.OrderBy(static file => file.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}\0{content.Length}\0"));
            hash.AppendData(content.Span);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>Which files of a model folder or repository matter to a client: never weights, never code.</summary>
internal static class ModelFileNames
{
    /// <summary>No single file of these kinds is anywhere near this large; a bigger one is not what it claims to be.</summary>
    public const long MaxFileBytes = 200L << 20;

    /// <summary>A model has a dozen of these files; more is not a model.</summary>
    public const int MaxFiles = 100;

    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "tokenizer.model", "tiktoken.model", "chat_template.json", "preprocessor_config.json",
        "processor_config.json", "video_preprocessor_config.json", "tekken.json",
    };

    public static bool IsWanted(string path)
    {
        const string Templates = "additional_chat_templates/";
        var isTemplate = path.StartsWith(Templates, StringComparison.Ordinal);
        var name = isTemplate ? path[Templates.Length..] : path;

        // A hub's listing holds names that become names of files here, on any system.
        return name.AsSpan().IndexOfAny("/\\:") < 0 && !name.Any(char.IsControl)
            && (name.EndsWith(".jinja", StringComparison.Ordinal)
                || (!isTemplate && (Known.Contains(name) || name.EndsWith(".tiktoken", StringComparison.Ordinal))));
    }
}

namespace Connectors.Vllm;

/// <summary>Which files of a model folder or repository matter to a client: never weights, never code.</summary>
internal static class ModelFileNames
{
    /// <summary>No single file of these kinds is anywhere near this large; a bigger one is not what it claims to be.</summary>
    public const long MaxFileBytes = 200L << 20;

    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "tokenizer.model", "tiktoken.model", "chat_template.json", "preprocessor_config.json",
        "processor_config.json", "video_preprocessor_config.json", "tekken.json",
    };

    public static bool IsWanted(string path)
    {
        if (path.StartsWith("additional_chat_templates/", StringComparison.Ordinal))
        {
            var name = path["additional_chat_templates/".Length..];
            return !name.Contains('/', StringComparison.Ordinal) && name.EndsWith(".jinja", StringComparison.Ordinal);
        }

        return !path.Contains('/', StringComparison.Ordinal) && !path.Contains('\\', StringComparison.Ordinal)
            && (Known.Contains(path) || path.EndsWith(".jinja", StringComparison.Ordinal) || path.EndsWith(".tiktoken", StringComparison.Ordinal));
    }
}

namespace Connectors.Vllm.Shared;

/// <summary>
/// The names of the files of a model that a client needs, in a folder, a repository or an archive, and which one is used if there are several for the
/// same purpose. Never weights, never code.
/// </summary>
internal static class ModelFolder
{
    public const string Config = "config.json";
    public const string GenerationConfig = "generation_config.json";
    public const string TokenizerConfig = "tokenizer_config.json";
    public const string SpecialTokensMap = "special_tokens_map.json";
    public const string AddedTokens = "added_tokens.json";
    public const string TokenizerJson = "tokenizer.json";

    /// <summary>The model's chat template. It takes precedence over the templates in <see cref="TokenizerConfig"/>.</summary>
    public const string Template = "chat_template.jinja";

    /// <summary>The folder of additional templates, one file per name, with the same precedence as <see cref="Template"/>.</summary>
    public const string NamedTemplates = "additional_chat_templates/";

    /// <summary>The template of a processor, used if there is no other.</summary>
    public const string ProcessorTemplate = "chat_template.json";

    public const string TemplateExtension = ".jinja";

    // The usual file name of each tokenizer format, which takes precedence over other files of that format.
    private static readonly string[] UsualTokenizers = ["tekken.json", TokenizerJson, "tiktoken.model", "tokenizer.model"];

    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        Config, GenerationConfig, TokenizerConfig, SpecialTokensMap, AddedTokens, ProcessorTemplate, "vocab.json", "merges.txt",
        "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
    };

    /// <summary>Gets the format of a tokenizer file from its name; null for other files.</summary>
    public static TokenizerFormat? FormatOf(string name) =>
        name == TokenizerJson ? TokenizerFormat.Json
        : name.StartsWith("tekken", StringComparison.OrdinalIgnoreCase) && name.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
            ? TokenizerFormat.Tekken
        : name == "tiktoken.model" || name.EndsWith(".tiktoken", StringComparison.Ordinal) ? TokenizerFormat.Tiktoken
        : name.EndsWith(".model", StringComparison.Ordinal) ? TokenizerFormat.SentencePiece
        : null;

    /// <summary>Gets the tokenizer file that vLLM would use; null if there is none.</summary>
    /// <param name="paths">Paths relative to the model's folder; only files in the folder itself are considered.</param>
    public static string? TokenizerOf(IEnumerable<string> paths) => paths
        .Where(static path => IsFlat(path) && FormatOf(path) is not null)
        .OrderBy(static path => FormatOf(path)).ThenByDescending(UsualTokenizers.Contains).ThenBy(static path => path, StringComparer.Ordinal)
        .FirstOrDefault();

    /// <summary>Gets the name of a template in <see cref="NamedTemplates"/>; null for other files.</summary>
    public static string? TemplateNameOf(string path) =>
        path.StartsWith(NamedTemplates, StringComparison.Ordinal) && path.EndsWith(TemplateExtension, StringComparison.Ordinal)
            && IsFlat(path[NamedTemplates.Length..])
            ? path[NamedTemplates.Length..^TemplateExtension.Length]
            : null;

    /// <summary>Gets the files that a client needs, ordered by name.</summary>
    /// <param name="paths">Paths relative to the model's folder, with '/'.</param>
    public static IEnumerable<string> Wanted(IReadOnlyCollection<string> paths)
    {
        // Files that end in .model may be anything; only the tokenizer is included.
        var tokenizer = TokenizerOf(paths);
        return paths.Where(path => path == tokenizer || UsualTokenizers.Contains(path) || Known.Contains(path) || TemplateNameOf(path) is not null
                || (IsFlat(path) && (path.EndsWith(TemplateExtension, StringComparison.Ordinal) || FormatOf(path) == TokenizerFormat.Tiktoken)))
            .Order(StringComparer.Ordinal);
    }

    /// <summary>Gets the files in a folder that a client needs, by relative path.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public static IReadOnlyDictionary<string, string> Files(string directory)
    {
        var templates = Path.Combine(directory, NamedTemplates);
        var files = Directory.EnumerateFiles(directory)
            .Concat(Directory.Exists(templates) ? Directory.EnumerateFiles(templates, "*" + TemplateExtension) : [])
            .ToDictionary(file => Path.GetRelativePath(directory, file).Replace('\\', '/'), StringComparer.Ordinal);
        return Wanted(files.Keys).ToDictionary(static path => path, path => files[path], StringComparer.Ordinal);
    }

    /// <summary>Whether a path is a plain file name on every operating system: the listing of a hub may contain anything.</summary>
    private static bool IsFlat(string path) => path.AsSpan().IndexOfAny("/\\:") < 0 && !path.Any(char.IsControl);
}

/// <summary>The formats of tokenizer files, in order of precedence.</summary>
internal enum TokenizerFormat
{
    /// <summary>Mistral's format. Such models often also have a tokenizer.json, which is less accurate.</summary>
    Tekken,
    Json,
    Tiktoken,
    SentencePiece,
}

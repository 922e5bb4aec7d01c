namespace Connectors.Vllm.Shared;

/// <summary>
/// The files of a model that say how to talk to it, in its folder, its repository or an archive: their names, and which of them counts where several
/// say the same. Never weights, never code.
/// </summary>
internal static class ModelFolder
{
    public const string Config = "config.json";
    public const string GenerationConfig = "generation_config.json";
    public const string TokenizerConfig = "tokenizer_config.json";
    public const string SpecialTokensMap = "special_tokens_map.json";
    public const string AddedTokens = "added_tokens.json";
    public const string TokenizerJson = "tokenizer.json";

    /// <summary>The model's chat template. It comes before the templates of <see cref="TokenizerConfig"/>.</summary>
    public const string Template = "chat_template.jinja";

    /// <summary>Folder of further templates, one file per name; they rank with <see cref="Template"/>.</summary>
    public const string NamedTemplates = "additional_chat_templates/";

    /// <summary>The template as processors read it: where nothing else has one.</summary>
    public const string ProcessorTemplate = "chat_template.json";

    public const string TemplateExtension = ".jinja";

    // The usual file of each tokenizer format; it comes before others of that format.
    private static readonly string[] UsualTokenizers = ["tekken.json", TokenizerJson, "tiktoken.model", "tokenizer.model"];

    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        Config, GenerationConfig, TokenizerConfig, SpecialTokensMap, AddedTokens, ProcessorTemplate, "vocab.json", "merges.txt",
        "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
    };

    /// <summary>The format of a tokenizer file by its name; null for other files.</summary>
    public static TokenizerFormat? FormatOf(string name) =>
        name == TokenizerJson ? TokenizerFormat.Json
        : name.StartsWith("tekken", StringComparison.OrdinalIgnoreCase) && name.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
            ? TokenizerFormat.Tekken
        : name == "tiktoken.model" || name.EndsWith(".tiktoken", StringComparison.Ordinal) ? TokenizerFormat.Tiktoken
        : name.EndsWith(".model", StringComparison.Ordinal) ? TokenizerFormat.SentencePiece
        : null;

    /// <summary>The tokenizer file that counts, as vLLM chooses; null when there is none.</summary>
    /// <param name="paths">Paths below the model's folder; only files of the folder itself are looked at.</param>
    public static string? TokenizerOf(IEnumerable<string> paths) => paths
        .Where(static path => IsFlat(path) && FormatOf(path) is not null)
        .OrderBy(static path => FormatOf(path)).ThenByDescending(UsualTokenizers.Contains).ThenBy(static path => path, StringComparer.Ordinal)
        .FirstOrDefault();

    /// <summary>The name of a template in <see cref="NamedTemplates"/>; null for other files.</summary>
    public static string? TemplateNameOf(string path) =>
        path.StartsWith(NamedTemplates, StringComparison.Ordinal) && path.EndsWith(TemplateExtension, StringComparison.Ordinal)
            && IsFlat(path[NamedTemplates.Length..])
            ? path[NamedTemplates.Length..^TemplateExtension.Length]
            : null;

    /// <summary>Those files that matter to a client, in the order of their names.</summary>
    /// <param name="paths">Paths below the model's folder, with '/'.</param>
    public static IEnumerable<string> Wanted(IReadOnlyCollection<string> paths)
    {
        // Files that end in .model may be anything; only the one that is the tokenizer is taken.
        var tokenizer = TokenizerOf(paths);
        return paths.Where(path => path == tokenizer || UsualTokenizers.Contains(path) || Known.Contains(path) || TemplateNameOf(path) is not null
                || (IsFlat(path) && (path.EndsWith(TemplateExtension, StringComparison.Ordinal) || FormatOf(path) == TokenizerFormat.Tiktoken)))
            .Order(StringComparer.Ordinal);
    }

    /// <summary>The files of a folder that matter to a client, by their paths below it.</summary>
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

    /// <summary>Whether a name can be that of a file in the folder itself, on any system: a hub's listing may hold anything.</summary>
    private static bool IsFlat(string path) => path.AsSpan().IndexOfAny("/\\:") < 0 && !path.Any(char.IsControl);
}

/// <summary>The formats of tokenizer files, the one that counts first.</summary>
internal enum TokenizerFormat
{
    /// <summary>Mistral's, which such models often have beside a tokenizer.json of lesser quality.</summary>
    Tekken,
    Json,
    Tiktoken,
    SentencePiece,
}

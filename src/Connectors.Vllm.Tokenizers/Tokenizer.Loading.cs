using Connectors.Vllm.Tokenizers.Loading;
using Connectors.Vllm.Tokenizers.Pipeline;

namespace Connectors.Vllm.Tokenizers;

public sealed partial class Tokenizer
{
    private const string JsonName = "tokenizer.json";
    private const string ConfigName = "tokenizer_config.json";
    private const string ModelConfigName = "config.json";
    private const string TekkenName = "tekken.json";
    private const string TiktokenName = "tiktoken.model";

    /// <summary>Loads one file: a tokenizer.json, a tekken.json, or a tiktoken file (<c>*.tiktoken</c>, <c>tiktoken.model</c>).</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Limits, or null for the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">The file is missing, malformed, or uses something unsupported.</exception>
    public static Tokenizer FromFile(string path, TokenizerOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var name = Path.GetFileName(path);
        return new Tokenizer(Load(new Dictionary<string, ReadOnlyMemory<byte>> { [name] = ReadFile(path) }, name), options);
    }

    /// <summary>
    /// Loads the tokenizer of a model folder, choosing in vLLM's order: tekken.json, tokenizer.json, tiktoken file. Added tokens of
    /// tokenizer_config.json (<c>added_tokens_decoder</c>) are merged in.
    /// </summary>
    /// <param name="directory">The folder.</param>
    /// <param name="options">Limits, or null for the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">No tokenizer file is there, or one is malformed or uses something unsupported.</exception>
    public static Tokenizer FromDirectory(string directory, TokenizerOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        if (!Directory.Exists(directory))
        {
            throw new TokenizerException($"the folder '{directory}' does not exist; give the folder that holds the model's tokenizer files");
        }

        var names = Directory.EnumerateFiles(directory).Select(file => Path.GetFileName(file)!).ToList();
        var chosen = Choose(names, directory);
        var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var name in names.Where(name => name == chosen || name is ConfigName or ModelConfigName))
        {
            files[name] = ReadFile(Path.Combine(directory, name));
        }

        return new Tokenizer(Load(files, chosen), options);
    }

    /// <summary>The same as <see cref="FromDirectory"/>, from files in memory.</summary>
    /// <param name="files">Contents by flat file name, for example <c>tokenizer.json</c>. Other files are ignored.</param>
    /// <param name="options">Limits, or null for the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">No tokenizer file is there, or one is malformed or uses something unsupported.</exception>
    public static Tokenizer FromFiles(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, TokenizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(files);
        return new Tokenizer(Load(files, Choose([.. files.Keys], "the given files")), options);
    }

    /// <summary>Loads a tokenizer.json from memory.</summary>
    /// <param name="tokenizerJson">The file's bytes (UTF-8).</param>
    /// <param name="tokenizerConfigJson">The bytes of tokenizer_config.json, whose <c>added_tokens_decoder</c> is merged; may be empty.</param>
    /// <param name="options">Limits, or null for the defaults.</param>
    /// <returns>The tokenizer.</returns>
    /// <exception cref="TokenizerException">The file is malformed or uses something unsupported.</exception>
    public static Tokenizer FromJson(
        ReadOnlyMemory<byte> tokenizerJson, ReadOnlyMemory<byte> tokenizerConfigJson = default, TokenizerOptions? options = null) =>
        new(TokenizerJsonLoader.Load(tokenizerJson, JsonName, tokenizerConfigJson), options);

    private static TokenizerDefinition Load(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, string chosen)
    {
        var config = files.GetValueOrDefault(ConfigName);
        var file = files[chosen];
        if (chosen.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && chosen.StartsWith("tekken", StringComparison.OrdinalIgnoreCase))
        {
            return TekkenLoader.Load(file, chosen);
        }

        return IsTiktoken(chosen)
            ? TiktokenLoader.Load(file, chosen, config, files.GetValueOrDefault(ModelConfigName))
            : TokenizerJsonLoader.Load(file, chosen, config);
    }

    private static string Choose(List<string> names, string place)
    {
        if (names.Contains(TekkenName))
        {
            return TekkenName;
        }

        if (names.Contains(JsonName))
        {
            return JsonName;
        }

        names.Sort(StringComparer.Ordinal);
        if ((names.Find(name => name == TiktokenName) ?? names.Find(IsTiktoken)) is { } tiktoken)
        {
            return tiktoken;
        }

        throw names.Exists(name => name.EndsWith(".model", StringComparison.Ordinal))
            ? new TokenizerException(
                $"there is only a SentencePiece .model file in {place}, which is not supported; "
                + "use the model's tokenizer.json (converted repositories have one)")
            : new TokenizerException(
                $"there is no tokenizer.json, tekken.json or tiktoken file in {place}; give the folder that holds the model's tokenizer files");
    }

    private static bool IsTiktoken(string name) => name == TiktokenName || name.EndsWith(".tiktoken", StringComparison.Ordinal);

    private static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new TokenizerException($"the file cannot be read: {exception.Message}", path, null, exception);
        }
    }
}

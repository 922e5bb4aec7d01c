using System.Text.Json;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing.Model;

/// <summary>The model a server claims to run: its files, tokenizer, limits, ending ids and sampling defaults. Immutable.</summary>
internal sealed class ServedModel
{
    private static readonly string[] SamplingKeys = ["temperature", "top_p", "top_k", "min_p", "repetition_penalty"];
    private readonly Lazy<VllmTokenizer> _tokenizer;

    private ServedModel(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, VllmTestServerOptions options, string? tinyModelFolder)
    {
        Files = files;
        _tokenizer = new Lazy<VllmTokenizer>(() => VllmTokenizer.FromFiles(files));
        using var config = Parse(files, "config.json");
        using var generation = Parse(files, "generation_config.json");
        var facts = config.RootElement;
        ModelType = Text(facts, "model_type");
        Architectures = Strings(facts, "architectures");
        VocabularySize = Number(facts, "vocab_size") ?? Tokenizer.MaxTokenId + 1;
        ContextLength = options.ContextLength ?? Number(facts, "max_position_embeddings") ?? 4096;
        BosToken = Number(facts, "bos_token_id") ?? 0;
        PadToken = Number(facts, "pad_token_id") ?? 0;
        EosTokens = Ids(facts, "eos_token_id");
        var generationEos = Ids(generation.RootElement, "eos_token_id");
        var primary = EosTokens.Count > 0 ? EosTokens[0] : generationEos.Count > 0 ? generationEos[0] : TokenizerEos(files) ?? -1;
        Stops = new ModelStops(primary, [.. EosTokens.Concat(generationEos).Where(id => id != primary).Distinct()]);
        MaxNewTokens = Number(generation.RootElement, "max_new_tokens");
        Sampling = SamplingDefaults(generation.RootElement);
        SamplingJson = SamplingText(generation.RootElement);
        var directory = options.ModelDirectory is { } folder ? System.IO.Path.GetFullPath(folder) : null;
        Path = options.ReportedModelPath ?? directory ?? tinyModelFolder ?? TinyModel.Name;
        ServedName = options.ServedModelName ?? options.ReportedModelPath ?? directory ?? TinyModel.Name;
    }

    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Files { get; }

    public VllmTokenizer Tokenizer => _tokenizer.Value;

    public string Path { get; }

    public string ServedName { get; }

    public string ModelType { get; }

    public IReadOnlyList<string> Architectures { get; }

    public int VocabularySize { get; }

    public int ContextLength { get; }

    public int BosToken { get; }

    public int PadToken { get; }

    public IReadOnlyList<int> EosTokens { get; }

    public ModelStops Stops { get; }

    /// <summary><c>max_new_tokens</c> of generation_config.json, or null.</summary>
    public int? MaxNewTokens { get; }

    /// <summary>Sampling defaults of generation_config.json by key.</summary>
    public IReadOnlyDictionary<string, float> Sampling { get; }

    /// <summary>The same as the VllmEngine protocol reports them: compact JSON, or empty.</summary>
    public string SamplingJson { get; }

    /// <param name="options">Which model, and under which names.</param>
    /// <param name="tinyModelFolder">
    /// Folder that holds the built-in model's files, for protocols that cannot hand them out; null when there is none.
    /// </param>
    public static ServedModel Load(VllmTestServerOptions options, string? tinyModelFolder = null)
    {
        try
        {
            return new ServedModel(options.ModelDirectory is { } folder ? ModelFolder.Read(folder) : TinyModel.Files, options, tinyModelFolder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or TokenizerException)
        {
            throw new InvalidDataException(
                $"The model folder '{options.ModelDirectory}' cannot be served: {exception.Message.TrimEnd('.')}. "
                + "It needs tokenizer.json and config.json as a Hugging Face model folder has them.",
                exception);
        }
    }

    // A bare tokenizer folder says its end token only there, as text.
    private int? TokenizerEos(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
    {
        using var config = Parse(files, "tokenizer_config.json");
        if (!config.RootElement.TryGetProperty("eos_token", out var token))
        {
            return null;
        }

        var text = token.ValueKind == JsonValueKind.Object ? Text(token, "content") : Text(config.RootElement, "eos_token");
        return text.Length == 0 ? null : Tokenizer.TokenToId(text);
    }

    private static JsonDocument Parse(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, string name) =>
        JsonDocument.Parse(files.TryGetValue(name, out var bytes) ? bytes : "{}"u8.ToArray());

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static int? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null;

    private static List<string> Strings(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(item => item.GetString() ?? "")]
            : [];

    private static List<int> Ids(JsonElement element, string name) => !element.TryGetProperty(name, out var value) ? [] : value.ValueKind switch
    {
        JsonValueKind.Number => [value.GetInt32()],
        JsonValueKind.Array => [.. value.EnumerateArray().Select(item => item.GetInt32())],
        _ => [],
    };

    private static Dictionary<string, float> SamplingDefaults(JsonElement generation)
    {
        var defaults = new Dictionary<string, float>(StringComparer.Ordinal);
        foreach (var key in SamplingKeys)
        {
            if (generation.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number)
            {
                defaults[key] = value.GetSingle();
            }
        }

        return defaults;
    }

    private static string SamplingText(JsonElement generation)
    {
        var parts = SamplingKeys
            .Where(key => generation.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number)
            .Select(key => $"\"{key}\":{generation.GetProperty(key).GetRawText()}");
        var joined = string.Join(',', parts);
        return joined.Length == 0 ? "" : "{" + joined + "}";
    }
}

/// <summary>Reads the files of a model folder that GetTokenizer hands out; weights and sub-folders stay where they are.</summary>
internal static class ModelFolder
{
    private static readonly HashSet<string> Names = new(StringComparer.Ordinal)
    {
        "tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json", "special_tokens_map.json", "vocab.json", "merges.txt",
        "tokenizer.model", "tiktoken.model", "chat_template.json", "preprocessor_config.json", "processor_config.json",
        "video_preprocessor_config.json",
    };

    public static IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Read(string folder)
    {
        var files = new SortedDictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder))
        {
            var name = Path.GetFileName(path);
            if (Names.Contains(name) || Path.GetExtension(name) is ".tiktoken" or ".jinja" or ".model")
            {
                files[name] = File.ReadAllBytes(path);
            }
        }

        return files.Count > 0 ? files : throw new FileNotFoundException("no tokenizer or config file is in it.");
    }
}

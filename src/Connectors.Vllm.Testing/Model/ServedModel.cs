using System.Text.Json;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing.Model;

/// <summary>The model that a server reports: its files, tokenizer, limits, end-of-sequence ids and sampling defaults. Immutable.</summary>
internal sealed class ServedModel
{
    private static readonly string[] SamplingKeys = ["temperature", "top_p", "top_k", "min_p", "repetition_penalty"];
    private readonly Lazy<VllmTokenizer> _tokenizer;

    private ServedModel(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, VllmTestServerOptions options, string? tinyModelFolder)
    {
        Files = files;
        _tokenizer = new Lazy<VllmTokenizer>(() => VllmTokenizer.FromFiles(files));
        using var config = Parse(files, ModelFolder.Config);
        using var generation = Parse(files, ModelFolder.GenerationConfig);
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

    /// <summary>The files that GetTokenizer sends: vLLM omits tekken.json, added_tokens.json and the folder of named templates.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> SentFiles => Files
        .Where(static file => file.Key != ModelFolder.AddedTokens && ModelFolder.TemplateNameOf(file.Key) is null
            && ModelFolder.FormatOf(file.Key) != TokenizerFormat.Tekken)
        .ToDictionary(StringComparer.Ordinal);

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

    /// <summary>The sampling defaults as the VllmEngine protocol reports them: compact JSON, or empty.</summary>
    public string SamplingJson { get; }

    /// <param name="options">The options that select the model and its names.</param>
    /// <param name="tinyModelFolder"> The folder with the built-in model's files, for protocols that cannot send them; null otherwise. </param>
    public static ServedModel Load(VllmTestServerOptions options, string? tinyModelFolder = null)
    {
        try
        {
            return new ServedModel(options.ModelDirectory is { } folder ? Read(folder) : TinyModel.Files, options, tinyModelFolder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or TokenizerException)
        {
            throw new InvalidDataException(
                $"The model folder '{options.ModelDirectory}' cannot be served: {exception.Message.TrimEnd('.')}. "
                + "It needs a tokenizer file and config.json as a Hugging Face model folder has them.",
                exception);
        }
    }

    private static Dictionary<string, ReadOnlyMemory<byte>> Read(string folder)
    {
        var files = ModelFolder.Files(folder).ToDictionary(
            static file => file.Key, static file => new ReadOnlyMemory<byte>(File.ReadAllBytes(file.Value)), StringComparer.Ordinal);
        return files.Count > 0 ? files : throw new FileNotFoundException("it contains no tokenizer or config file.");
    }

    // A folder with only a tokenizer specifies its end-of-sequence token there, as text.
    private int? TokenizerEos(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
    {
        using var config = Parse(files, ModelFolder.TokenizerConfig);
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

using System.Collections.Frozen;
using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Shared;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>The content of a model's files, independent of a server. Immutable and thread-safe.</summary>
/// <param name="Files">The files.</param>
/// <param name="Config">The configuration in config.json, generation_config.json and tokenizer_config.json.</param>
/// <param name="Tokenizer">The tokenizer.</param>
/// <param name="Templates">The chat templates and special tokens.</param>
internal sealed record ModelAssets(ModelFileSet Files, ModelConfig Config, VllmTokenizer Tokenizer, ChatTemplateSource Templates)
{
    /// <param name="files">The files.</param>
    /// <param name="options">The options, which may contain a tokenizer.</param>
    /// <exception cref="VllmModelException">A file is invalid; the message says which one and why.</exception>
    public static ModelAssets Read(ModelFileSet files, VllmGrpcOptions options) => VllmModelException.Guard(files.Origin, () =>
        new ModelAssets(files, ModelConfig.Read(files.Files), ReadTokenizer(files, options), ChatTemplateSource.FromFiles(files.Files)));

    private static VllmTokenizer ReadTokenizer(ModelFileSet files, VllmGrpcOptions options)
    {
        if (options.Tokenizer is { } given)
        {
            return VllmTokenizer.From(given, VllmTokenizer.ReadAddedTokens(files.Files.GetValueOrDefault(ModelFolder.TokenizerConfig)));
        }

        // The files are already in memory and count as well.
        var left = options.Connection.MaxTokenizerBytes - files.Files.Sum(static file => (long)file.Value.Length);
        return VllmTokenizer.FromFiles(files.Files, new TokenizerOptions { MaxLoadBytes = Math.Max(1, left) });
    }
}

/// <summary>The token ids that end an answer.</summary>
/// <param name="All">All of them.</param>
/// <param name="ToSend">Those that must be sent because the server does not know them.</param>
internal sealed record StopTokenSet(IReadOnlyList<int> All, IReadOnlyList<int> ToSend)
{
    private readonly FrozenSet<int> _lookup = All.ToFrozenSet();

    public bool Contains(int id) => _lookup.Contains(id);

    public static StopTokenSet From(ModelConfig config, VllmModelInfo? info, VllmTokenizer tokenizer)
    {
        var known = new SortedSet<int>(config.ConfigEndTokens);
        known.UnionWith(info?.EosTokenIds ?? []);

        // vLLM adds the end tokens of generation_config.json itself, unless it was configured to ignore that file, in which case it reports no
        // sampling defaults either.
        var ignored = info is { ServedModelName.Length: > 0, DefaultSampling: null, EosTokenIds.Count: > 0 } && config.Sampling is not null;
        var all = new SortedSet<int>(known);
        all.UnionWith(config.GenerationEndTokens);
        if (!ignored)
        {
            known.UnionWith(config.GenerationEndTokens);
        }

        if (config.EndToken is { Length: > 0 } text && tokenizer.TokenToId(text) is int end)
        {
            all.Add(end);
        }

        return new StopTokenSet([.. all], [.. all.Except(known)]);
    }
}

/// <summary>
/// The values in config.json, generation_config.json and tokenizer_config.json that a client needs. Missing files and keys are null.
/// </summary>
internal sealed record ModelConfig
{
    public string? ModelType { get; init; }

    public IReadOnlyList<string> Architectures { get; init; } = [];

    public int? ContextLength { get; init; }

    public int? VocabularySize { get; init; }

    /// <summary>The end tokens of config.json, which every server knows.</summary>
    public IReadOnlyList<int> ConfigEndTokens { get; init; } = [];

    /// <summary>The end tokens of generation_config.json, which a server knows unless it was configured to ignore that file.</summary>
    public IReadOnlyList<int> GenerationEndTokens { get; init; } = [];

    /// <summary>The eos_token of tokenizer_config.json.</summary>
    public string? EndToken { get; init; }

    /// <summary>The sampling defaults of generation_config.json; null if it has none.</summary>
    public SamplingOptions? Sampling { get; init; }

    /// <summary>The id of the image anchor in config.json.</summary>
    public int? ImageTokenId { get; init; }

    public int? VideoTokenId { get; init; }

    public int? AudioTokenId { get; init; }

    /// <summary>Whether prefixes of the model's embeddings are embeddings as well (Matryoshka).</summary>
    public bool IsMatryoshka { get; init; }

    /// <summary>The allowed lengths of such prefixes; empty allows any.</summary>
    public IReadOnlyList<int> MatryoshkaDimensions { get; init; } = [];

    /// <summary>The response_template of tokenizer_config.json as JSON text.</summary>
    public string? ResponseTemplate { get; init; }

    /// <exception cref="InvalidDataException">A file is not JSON.</exception>
    public static ModelConfig Read(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files)
    {
        using var config = Parse(files, ModelFolder.Config);
        using var generation = Parse(files, ModelFolder.GenerationConfig);
        using var tokenizer = Parse(files, ModelFolder.TokenizerConfig);
        var root = config?.RootElement ?? default;
        var text = Member(root, "text_config") is { ValueKind: JsonValueKind.Object } nested ? nested
            : Member(root, "llm_config") is { ValueKind: JsonValueKind.Object } other ? other
            : root;
        var defaults = generation?.RootElement ?? default;
        return new ModelConfig
        {
            ModelType = Member(root, "model_type") is { ValueKind: JsonValueKind.String } type ? type.GetString() : null,
            Architectures = Member(root, "architectures") is { ValueKind: JsonValueKind.Array } names
                ? [.. names.EnumerateArray().Where(static name => name.ValueKind == JsonValueKind.String).Select(static name => name.GetString()!)]
                : [],
            ContextLength = Integer(text, "max_position_embeddings") ?? Integer(text, "model_max_length") ?? Integer(text, "seq_length"),
            VocabularySize = Integer(text, "vocab_size") ?? Integer(root, "vocab_size"),
            ConfigEndTokens = Ids(root, "eos_token_id") is { Count: > 0 } own ? own : Ids(text, "eos_token_id"),
            GenerationEndTokens = Ids(defaults, "eos_token_id"),
            EndToken = TokenText(Member(tokenizer?.RootElement ?? default, "eos_token")),
            ResponseTemplate = Member(tokenizer?.RootElement ?? default, "response_template") is { ValueKind: JsonValueKind.Object } response
                ? response.GetRawText() : null,
            Sampling = ReadSampling(defaults),
            ImageTokenId = Integer(root, "image_token_id") ?? Integer(root, "image_token_index") ?? Integer(root, "media_placeholder_token_id"),
            VideoTokenId = Integer(root, "video_token_id") ?? Integer(root, "video_token_index"),
            AudioTokenId = Integer(root, "audio_token_id") ?? Integer(root, "audio_token_index"),
            IsMatryoshka = Member(root, "is_matryoshka").ValueKind == JsonValueKind.True || Ids(root, "matryoshka_dimensions").Count > 0,
            MatryoshkaDimensions = Ids(root, "matryoshka_dimensions"),
        };
    }

    private static SamplingOptions? ReadSampling(JsonElement defaults)
    {
        var sampling = new SamplingOptions
        {
            Temperature = Number(defaults, "temperature"),
            TopP = Number(defaults, "top_p"),
            TopK = Integer(defaults, "top_k"),
            MinP = Number(defaults, "min_p"),
            RepetitionPenalty = Number(defaults, "repetition_penalty"),
        };
        return sampling == SamplingOptions.Default ? null : sampling;
    }

    private static JsonDocument? Parse(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, string name)
    {
        if (!files.TryGetValue(name, out var content))
        {
            return null;
        }

        try
        {
            return JsonDocument.Parse(content.Span.StartsWith("\uFEFF"u8) ? content[3..] : content, new JsonDocumentOptions { MaxDepth = 256 });
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"The model's {name} is not valid JSON: {error.Message}", error);
        }
    }

    private static JsonElement Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var member) ? member : default;

    private static int? Integer(JsonElement element, string name) =>
        Member(element, name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var value) ? value : null;

    private static float? Number(JsonElement element, string name) =>
        Member(element, name) is { ValueKind: JsonValueKind.Number } number && number.TryGetSingle(out var value) ? value : null;

    private static List<int> Ids(JsonElement element, string name)
    {
        var member = Member(element, name);
        return member.ValueKind switch
        {
            JsonValueKind.Number when member.TryGetInt32(out var id) => [id],
            JsonValueKind.Array => [.. member.EnumerateArray()
                .Where(static item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _)).Select(static item => item.GetInt32())],
            _ => [],
        };
    }

    private static string? TokenText(JsonElement token) => token.ValueKind switch
    {
        JsonValueKind.String => token.GetString(),
        JsonValueKind.Object when token.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String =>
            content.GetString(),
        _ => null,
    };
}

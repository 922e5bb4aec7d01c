namespace Connectors.Vllm.Grpc;

/// <summary>The served model, one shape for both protocols. Null means the server does not tell.</summary>
public sealed record VllmModelInfo
{
    /// <summary>A readable id, e.g. <c>Qwen/Qwen3-8B</c>: the served path, or the hub id in it when it is a hub cache folder.</summary>
    public string ModelId { get; init; } = string.Empty;

    /// <summary>The model as the server was started with it: a hub id or a path on the server.</summary>
    public string ModelPath { get; init; } = string.Empty;

    /// <summary>The first served name; what answers name as their model.</summary>
    public string ServedModelName { get; init; } = string.Empty;

    /// <summary>All names a request may use, the first served name included.</summary>
    public IReadOnlyList<string> ServedModelNames { get; init; } = [];

    /// <summary>Path or hub id of the tokenizer on the server.</summary>
    public string? TokenizerPath { get; init; }

    /// <summary>Prompt plus output tokens.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Prompt ids are below this.</summary>
    public int? VocabularySize { get; init; }

    /// <summary><c>model_type</c> of config.json, e.g. <c>qwen3</c>.</summary>
    public string? ModelType { get; init; }

    /// <summary><c>architectures</c> of config.json.</summary>
    public IReadOnlyList<string> Architectures { get; init; } = [];

    /// <summary>End tokens of config.json; generation_config.json may name more, which no server tells.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Token that begins a text. Older servers say 0 when there is none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Padding token. Older servers say 0 when there is none.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>False for an embedding model.</summary>
    public bool IsGeneration { get; init; } = true;

    /// <summary>A multimodal model; whether this server takes media is <see cref="VllmCapabilities.Media"/>.</summary>
    public bool IsMultimodal { get; init; }

    /// <summary>The model's own sampling defaults, where the server tells (VllmEngine protocol).</summary>
    public SamplingOptions? DefaultSampling { get; init; }

    /// <summary>The server that told this.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>The protobuf message.</summary>
    public object? RawRepresentation { get; init; }
}

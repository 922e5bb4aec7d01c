namespace Connectors.Vllm.Grpc;

/// <summary>
/// Information about the server, in one form for both protocols. <see langword="null"/> means that the server does not report the value.
/// </summary>
public sealed record VllmServerInfo
{
    /// <summary>vLLM's version, e.g. <c>0.32.0</c>.</summary>
    public string? EngineVersion { get; init; }

    /// <summary>The id of the running instance.</summary>
    public string? InstanceId { get; init; }

    /// <summary>The context length, in tokens.</summary>
    public int? MaxModelLength { get; init; }

    /// <summary>The number of tokens per KV cache block; prompts are cached in multiples of it.</summary>
    public int? KvBlockSize { get; init; }

    /// <summary>The number of KV cache blocks.</summary>
    public long? TotalKvBlocks { get; init; }

    /// <summary>The maximum number of sequences that run concurrently.</summary>
    public long? MaxRunningRequests { get; init; }

    /// <summary>The maximum number of tokens per scheduler step.</summary>
    public long? MaxBatchedTokens { get; init; }

    /// <summary>The number of data-parallel ranks.</summary>
    public int? DataParallelSize { get; init; }

    /// <summary>The maximum number of LoRA adapters that can be active at once; 0 means none.</summary>
    public int? MaxLoras { get; init; }

    /// <summary>The data type of the weights, for example <c>torch.bfloat16</c>.</summary>
    public string? ModelDataType { get; init; }

    /// <summary>The name of the KV connector; empty if none is configured.</summary>
    public string? KvConnector { get; init; }

    /// <summary>The protobuf message.</summary>
    public object? RawRepresentation { get; init; }
}

/// <summary>The health of a server as it reports it.</summary>
/// <param name="IsHealthy">Whether the engine accepts requests.</param>
/// <param name="Message">The server's description, for logs.</param>
public sealed record VllmHealth(bool IsHealthy, string Message)
{
    /// <summary>The server that was queried; <see langword="null"/> if unknown.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Why the server could not be queried; <see langword="null"/> if it answered.</summary>
    public VllmException? Exception { get; init; }
}

/// <summary>The load of one data-parallel rank. Values that a server does not report are 0.</summary>
public sealed record VllmLoad
{
    /// <summary>The data-parallel rank.</summary>
    public int DataParallelRank { get; init; }

    /// <summary>The number of running requests.</summary>
    public int RunningRequests { get; init; }

    /// <summary>The number of queued requests.</summary>
    public int WaitingRequests { get; init; }

    /// <summary>The number of tokens in the KV cache.</summary>
    public int UsedTokens { get; init; }

    /// <summary>The capacity of the KV cache, in tokens.</summary>
    public int MaxTokens { get; init; }

    /// <summary>The used fraction of the KV cache, from 0 to 1.</summary>
    public double TokenUsage { get; init; }

    /// <summary>The number of generated tokens per second.</summary>
    public double GenerationThroughput { get; init; }

    /// <summary>The fraction of prompt tokens found in the prefix cache, from 0 to 1.</summary>
    public double CacheHitRate { get; init; }

    /// <summary>The maximum number of sequences that run concurrently.</summary>
    public int MaxRunningRequests { get; init; }
}

/// <summary>The served model, in one form for both protocols. <see langword="null"/> means that the server does not report the value.</summary>
public sealed record VllmModelInfo
{
    /// <summary>A readable id, for example <c>Qwen/Qwen3-8B</c>: the served path, or the hub id in it if the path is a hub cache folder.</summary>
    public string ModelId { get; init; } = string.Empty;

    /// <summary>The model as the server was started with it: a hub id or a path on the server.</summary>
    public string ModelPath { get; init; } = string.Empty;

    /// <summary>The first served name, which answers give as their model.</summary>
    public string ServedModelName { get; init; } = string.Empty;

    /// <summary>All names that a request may use, including the first served name.</summary>
    public IReadOnlyList<string> ServedModelNames { get; init; } = [];

    /// <summary>The path or hub id of the tokenizer on the server.</summary>
    public string? TokenizerPath { get; init; }

    /// <summary>The maximum number of tokens of prompt and output together.</summary>
    public int? ContextLength { get; init; }

    /// <summary>The size of the vocabulary; all prompt ids are below it.</summary>
    public int? VocabularySize { get; init; }

    /// <summary>The <c>model_type</c> in config.json, for example <c>qwen3</c>.</summary>
    public string? ModelType { get; init; }

    /// <summary>The <c>architectures</c> in config.json.</summary>
    public IReadOnlyList<string> Architectures { get; init; } = [];

    /// <summary>The end-of-sequence tokens in config.json. generation_config.json may contain more, which no server reports.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>The beginning-of-sequence token. Older servers report 0 if there is none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>The padding token. Older servers report 0 if there is none.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Whether the model generates; <see langword="false"/> for an embedding model.</summary>
    public bool IsGeneration { get; init; } = true;

    /// <summary>Whether the model is multimodal. <see cref="VllmCapabilities.Media"/> says whether the server accepts media.</summary>
    public bool IsMultimodal { get; init; }

    /// <summary>The model's own sampling defaults, if the server reports them (VllmEngine protocol).</summary>
    public SamplingOptions? DefaultSampling { get; init; }

    /// <summary>The server that reported this.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>The protobuf message.</summary>
    public object? RawRepresentation { get; init; }
}

/// <summary>The capabilities of a server, as far as it reports them.</summary>
public sealed record VllmCapabilities
{
    /// <summary>The protocol that the server speaks.</summary>
    public VllmProtocol Protocol { get; init; }

    /// <summary>
    /// Whether one call can return more than one choice (<see cref="SamplingOptions.ChoiceCount"/>). If not, the client makes one call per choice.
    /// </summary>
    public bool MultipleChoices { get; init; }

    /// <summary>Whether log probabilities are supported.</summary>
    public bool Logprobs { get; init; }

    /// <summary>
    /// Whether log probabilities of the prompt are supported. <see langword="false"/> for the Rust servicer of the VllmEngine protocol, which loses
    /// the first token of the answer with them.
    /// </summary>
    public bool PromptLogprobs { get; init; } = true;

    /// <summary>Whether prompts can be sent as text; <see langword="false"/> if the server takes token ids only (the Rust servicer).</summary>
    public bool TextPrompts { get; init; } = true;

    /// <summary>Whether <see cref="GenerationRequest.LoraName"/> is supported.</summary>
    public bool Lora { get; init; }

    /// <summary>Whether <see cref="GenerationRequest.Priority"/> is supported.</summary>
    public bool Priority { get; init; }

    /// <summary>Whether <see cref="GenerationRequest.CacheSalt"/> is supported.</summary>
    public bool CacheSalt { get; init; }

    /// <summary>Whether <see cref="SamplingOptions.AllowedTokenIds"/> is supported.</summary>
    public bool AllowedTokenIds { get; init; }

    /// <summary>Whether the server can embed: the protocol has embeddings and the model is an embedding model.</summary>
    public bool Embeddings { get; init; }

    /// <summary>Whether the server can generate; <see langword="false"/> for an embedding model.</summary>
    public bool Generation { get; init; } = true;

    /// <summary>
    /// Whether the protocol can transfer the tokenizer's files. A server that was started with a hub id still may not be able to send them.
    /// </summary>
    public bool TokenizerTransfer { get; init; }

    /// <summary>Whether the server reports its load.</summary>
    public bool Loads { get; init; }

    /// <summary>Whether requests can be aborted by id.</summary>
    public bool Abort { get; init; }

    /// <summary>Whether seeds have 64 bits; otherwise they have 32.</summary>
    public bool LongSeeds { get; init; }

    /// <summary>Whether requests may contain media.</summary>
    public bool Media { get; init; }

    /// <summary>The URI schemes that the server accepts for media.</summary>
    public IReadOnlyList<string> MediaSchemes { get; init; } = [];

    /// <summary>The maximum number of media items per request by kind, if the server reports it.</summary>
    public IReadOnlyDictionary<MediaKind, int> MediaLimits { get; init; } = new Dictionary<MediaKind, int>();

    /// <summary>Where output constraints begin.</summary>
    public ConstraintStart ConstraintStart { get; init; }

    /// <summary>The name of the server's reasoning parser, a hint to the model's format; empty if it has none or does not report it.</summary>
    public string ReasoningParser { get; init; } = string.Empty;

    /// <summary>The name of the server's tool-call parser, a hint to the model's format; empty if it has none or does not report it.</summary>
    public string ToolCallParser { get; init; } = string.Empty;
}

/// <summary>The point from which a server enforces an output constraint.</summary>
public enum ConstraintStart
{
    /// <summary>The server does not report it.</summary>
    Unknown = 0,

    /// <summary>From the first generated token: the server has no reasoning parser.</summary>
    FirstToken = 1,

    /// <summary>
    /// After the end of the model's reasoning, as detected by the server's reasoning parser. The output after a prompt without a think block is then
    /// not constrained until the model writes the end marker.
    /// </summary>
    AfterReasoning = 2,
}

/// <summary>The gRPC protocols of vLLM servers. They are not compatible; a port speaks one of them.</summary>
public enum VllmProtocol
{
    /// <summary>Detect the protocol (the default), or not known yet.</summary>
    Auto = 0,

    /// <summary><c>vllm.grpc.engine.VllmEngine</c>: <c>vllm serve --grpc</c>, which replaces the HTTP API of that process.</summary>
    VllmEngine = 1,

    /// <summary><c>vllm.Inference</c> and <c>vllm.Control</c>: vLLM's own gRPC listener beside HTTP, <c>--grpc-port</c>, since vLLM 0.27.</summary>
    Inference = 2,

    /// <summary><c>vllm.Generate</c>: the name of <see cref="Inference"/> in vLLM 0.22 to 0.26, without the control service.</summary>
    LegacyInference = 3,
}

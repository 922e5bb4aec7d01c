namespace Connectors.Vllm.Grpc;

/// <summary>The server, one shape for both protocols. Null means it does not tell.</summary>
public sealed record VllmServerInfo
{
    /// <summary>vLLM's version, e.g. <c>0.32.0</c>.</summary>
    public string? EngineVersion { get; init; }

    /// <summary>An id of the running instance.</summary>
    public string? InstanceId { get; init; }

    /// <summary>Context length.</summary>
    public int? MaxModelLength { get; init; }

    /// <summary>Tokens per KV cache block: prompts are cached in multiples of it.</summary>
    public int? KvBlockSize { get; init; }

    /// <summary>KV cache blocks.</summary>
    public long? TotalKvBlocks { get; init; }

    /// <summary>Sequences that run at the same time.</summary>
    public long? MaxRunningRequests { get; init; }

    /// <summary>Tokens per scheduler step.</summary>
    public long? MaxBatchedTokens { get; init; }

    /// <summary>Data-parallel ranks.</summary>
    public int? DataParallelSize { get; init; }

    /// <summary>LoRA adapters that can be active at once; 0 is none.</summary>
    public int? MaxLoras { get; init; }

    /// <summary>Data type of the weights, e.g. <c>torch.bfloat16</c>.</summary>
    public string? ModelDataType { get; init; }

    /// <summary>The KV connector's name; empty when none is set up.</summary>
    public string? KvConnector { get; init; }

    /// <summary>The protobuf message.</summary>
    public object? RawRepresentation { get; init; }
}

/// <summary>What a server says about its own health.</summary>
/// <param name="IsHealthy">Whether the engine takes requests.</param>
/// <param name="Message">The server's words, for a log.</param>
public sealed record VllmHealth(bool IsHealthy, string Message)
{
    /// <summary>The server that was asked; <see langword="null"/> when the result does not say.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Why the server could not be asked; <see langword="null"/> when it answered.</summary>
    public VllmException? Exception { get; init; }
}

/// <summary>Load of one data-parallel rank. Figures that a server does not fill are 0.</summary>
public sealed record VllmLoad
{
    /// <summary>The rank.</summary>
    public int DataParallelRank { get; init; }

    /// <summary>Requests being generated.</summary>
    public int RunningRequests { get; init; }

    /// <summary>Requests in the queue.</summary>
    public int WaitingRequests { get; init; }

    /// <summary>Tokens in the KV cache.</summary>
    public int UsedTokens { get; init; }

    /// <summary>Tokens the KV cache can hold.</summary>
    public int MaxTokens { get; init; }

    /// <summary>Used share of the KV cache, 0 to 1.</summary>
    public double TokenUsage { get; init; }

    /// <summary>Generated tokens per second.</summary>
    public double GenerationThroughput { get; init; }

    /// <summary>Share of prompt tokens found in the prefix cache, 0 to 1.</summary>
    public double CacheHitRate { get; init; }

    /// <summary>Sequences that run at the same time at most.</summary>
    public int MaxRunningRequests { get; init; }
}

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

/// <summary>What a server can do, as far as it tells.</summary>
public sealed record VllmCapabilities
{
    /// <summary>The protocol it speaks.</summary>
    public VllmProtocol Protocol { get; init; }

    /// <summary>
    /// More than one choice per request (<see cref="SamplingOptions.ChoiceCount"/>) in one call. Where false, the client sends one call per choice.
    /// </summary>
    public bool MultipleChoices { get; init; }

    /// <summary>Log probabilities.</summary>
    public bool Logprobs { get; init; }

    /// <summary>
    /// Log probabilities of the prompt. False at the Rust servicer of the VllmEngine protocol, which loses the first token of the answer with them.
    /// </summary>
    public bool PromptLogprobs { get; init; } = true;

    /// <summary>Prompts given as text; false where the server takes token ids only (the Rust servicer).</summary>
    public bool TextPrompts { get; init; } = true;

    /// <summary><see cref="GenerationRequest.LoraName"/>.</summary>
    public bool Lora { get; init; }

    /// <summary><see cref="GenerationRequest.Priority"/>.</summary>
    public bool Priority { get; init; }

    /// <summary><see cref="GenerationRequest.CacheSalt"/>.</summary>
    public bool CacheSalt { get; init; }

    /// <summary><see cref="SamplingOptions.AllowedTokenIds"/>.</summary>
    public bool AllowedTokenIds { get; init; }

    /// <summary>Embeddings: the method exists and the model is not a generation model.</summary>
    public bool Embeddings { get; init; }

    /// <summary>Generation; false for an embedding model.</summary>
    public bool Generation { get; init; } = true;

    /// <summary>The tokenizer files can be asked for; a server whose model is a hub id still cannot send them.</summary>
    public bool TokenizerTransfer { get; init; }

    /// <summary>Load figures.</summary>
    public bool Loads { get; init; }

    /// <summary>Aborting by request id.</summary>
    public bool Abort { get; init; }

    /// <summary>Seeds of 64 bits; else 32.</summary>
    public bool LongSeeds { get; init; }

    /// <summary>Media in requests.</summary>
    public bool Media { get; init; }

    /// <summary>URL schemes the server accepts for media.</summary>
    public IReadOnlyList<string> MediaSchemes { get; init; } = [];

    /// <summary>Most items per request by kind, where the server tells.</summary>
    public IReadOnlyDictionary<MediaKind, int> MediaLimits { get; init; } = new Dictionary<MediaKind, int>();

    /// <summary>Where output constraints begin.</summary>
    public ConstraintStart ConstraintStart { get; init; }

    /// <summary>The server's reasoning parser by name, a hint for the model's format; empty when it has none or does not tell.</summary>
    public string ReasoningParser { get; init; } = string.Empty;

    /// <summary>The server's tool-call parser by name, a hint for the model's format; empty when it has none or does not tell.</summary>
    public string ToolCallParser { get; init; } = string.Empty;
}

/// <summary>From which token on a server holds the output to a constraint.</summary>
public enum ConstraintStart
{
    /// <summary>The server does not tell.</summary>
    Unknown = 0,

    /// <summary>From the first generated token: the server has no reasoning parser.</summary>
    FirstToken = 1,

    /// <summary>
    /// After the end of the model's reasoning, as the server's reasoning parser sees it. A prompt without any think block is then
    /// never constrained (until the model writes the end marker).
    /// </summary>
    AfterReasoning = 2,
}

/// <summary>The gRPC protocols that vLLM servers speak. They share no bytes; one port speaks one of them.</summary>
public enum VllmProtocol
{
    /// <summary>Ask the server (the default), or not known yet.</summary>
    Auto = 0,

    /// <summary><c>vllm.grpc.engine.VllmEngine</c>: <c>vllm serve --grpc</c>, which replaces the HTTP API of that process.</summary>
    VllmEngine = 1,

    /// <summary><c>vllm.Inference</c> and <c>vllm.Control</c>: the first-party listener beside HTTP, <c>--grpc-port</c>, since vLLM 0.27.</summary>
    Inference = 2,

    /// <summary><c>vllm.Generate</c>: the name of <see cref="Inference"/> in vLLM 0.22 to 0.26, without the control service.</summary>
    LegacyInference = 3,
}

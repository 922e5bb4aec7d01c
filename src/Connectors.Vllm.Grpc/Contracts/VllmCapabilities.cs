namespace Connectors.Vllm.Grpc;

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

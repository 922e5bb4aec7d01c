namespace Connectors.Vllm.Grpc;

/// <summary>
/// One generation: a prompt as token ids (or text), and what to do with it. Set <see cref="PromptIds"/> or <see cref="PromptText"/>,
/// not both. Not changed by the engine; may be sent again.
/// </summary>
public sealed record GenerationRequest
{
    /// <summary>Prompt ids, sent verbatim (nothing is added, no BOS). Each in [0, vocabulary size).</summary>
    public ReadOnlyMemory<int> PromptIds { get; init; }

    /// <summary>
    /// Prompt text, encoded by the server's tokenizer with its special tokens added; no chat template is applied. Do not use it for
    /// rendered chats: a template that prints BOS would give two.
    /// </summary>
    public string? PromptText { get; init; }

    /// <summary>Id of the request for abort and the server's log, unique per server; null makes one.</summary>
    public string? RequestId { get; init; }

    /// <summary>Sampling and lengths.</summary>
    public SamplingOptions Sampling { get; init; } = SamplingOptions.Default;

    /// <summary>What the output must look like; null for free text.</summary>
    public OutputConstraint? Constraint { get; init; }

    /// <summary>
    /// Texts that end the answer. The server stops after the token that completes one; the ids it returns hold the match, so the
    /// reader of the ids cuts the text itself.
    /// </summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Token ids that end the answer, besides the model's own.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Log probabilities: null none, 0 of the sampled tokens, k also of the k best candidates (servers allow 20 by default).</summary>
    public int? Logprobs { get; init; }

    /// <summary>
    /// Log probabilities of the prompt's tokens: null none, 0 of the tokens, k also of the k best candidates. Slows the server down.
    /// </summary>
    public int? PromptLogprobs { get; init; }

    /// <summary>
    /// Token ids whose log probabilities come with each generated token, instead of the best ones; Inference protocol only. Needs
    /// <see cref="Logprobs"/>, whose number then does not count. Servers limit how many there may be.
    /// </summary>
    public IReadOnlyList<int>? LogprobTokenIds { get; init; }

    /// <summary>Media, in the order of their anchors in <see cref="PromptIds"/>.</summary>
    public IReadOnlyList<MediaItem> Media { get; init; } = [];

    /// <summary>
    /// A served model name; Inference protocol only, ignored by the VllmEngine protocol (one model per server). Null is the default model.
    /// </summary>
    public string? Model { get; init; }

    /// <summary>A LoRA adapter that is loaded on the server; Inference protocol only.</summary>
    public string? LoraName { get; init; }

    /// <summary>Scheduling priority, lower first, where the server schedules by priority; Inference protocol only.</summary>
    public int? Priority { get; init; }

    /// <summary>Session id for the server; Inference protocol only.</summary>
    public string? SessionId { get; init; }

    /// <summary>Separates this request's prefix cache from others'; Inference protocol only.</summary>
    public string? CacheSalt { get; init; }

    /// <summary>Does not read the prefix cache; Inference protocol only.</summary>
    public bool BypassPrefixCache { get; init; }

    /// <summary>Whether the server may watermark the answer; null leaves it to the server. Inference protocol only.</summary>
    public bool? Watermarking { get; init; }

    /// <summary>Parameters for the server's KV connector, a JSON object; null sends none.</summary>
    public string? KvTransferParamsJson { get; init; }

    /// <summary>Data-parallel rank to run on; null lets the server choose.</summary>
    public int? DataParallelRank { get; init; }

    /// <summary>
    /// Whether tokens come as they are made (the default). Off, one update per choice comes at the end and the connection is silent
    /// till then; results are the same.
    /// </summary>
    public bool Stream { get; init; } = true;

    /// <summary>
    /// The model the prompt was made for, as <see cref="IVllmEngine.GetModelInfoAsync"/> told it. A server that has another one by the time the
    /// request would be sent gets nothing, and <see cref="VllmModelChangedException"/> is thrown. Null sends to whatever model is there.
    /// </summary>
    public VllmModelInfo? PreparedFor { get; init; }

    /// <summary>
    /// Size of the model's vocabulary, to check <see cref="PromptIds"/> against where the server does not tell it (Inference
    /// protocol, where an id out of range kills the engine). Null checks against what the server tells.
    /// </summary>
    public int? VocabularySize { get; init; }

    /// <summary>
    /// Tokens that prompt and answer may have together, where the server does not tell it. Null leaves the length to the server then.
    /// </summary>
    public int? ContextLength { get; init; }

    /// <summary>The model's own sampling defaults, where the server does not tell them (they stand in the model's generation_config.json).</summary>
    public SamplingOptions? ModelDefaults { get; init; }

    /// <summary>
    /// Asks for the answer's text as the server decodes it, where it can tell (Inference protocol): <see cref="GenerationUpdate.Text"/>.
    /// </summary>
    public bool IncludeServerText { get; init; }

    /// <summary>
    /// Asks for the answer's token ids (the default). Off, only their number comes, where the server can leave them out (Inference protocol): for
    /// those who take <see cref="GenerationUpdate.Text"/> and nothing else. A constraint that failed silently cannot be told from an empty
    /// answer then.
    /// </summary>
    public bool IncludeTokenIds { get; init; } = true;

    /// <summary>
    /// Asks for the prompt's ids as the server encoded them, where it can tell (Inference protocol): <see cref="GenerationUpdate.PromptIds"/>.
    /// </summary>
    public bool IncludePromptIds { get; init; }

    /// <summary>Puts the protobuf message of each update into <see cref="GenerationUpdate.RawRepresentation"/>.</summary>
    public bool IncludeRawRepresentation { get; init; }

    /// <summary>Extra metadata for this call.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The id of the request with several choices that this is one choice of; null when it is none.</summary>
    internal string? PartOf { get; init; }

    /// <summary>A new id for a request: unique, in order of time.</summary>
    /// <param name="prefix">What it begins with.</param>
    public static string NewRequestId(string prefix = "") => prefix + Guid.CreateVersion7().ToString("N");

    /// <summary>
    /// This, with <see cref="PromptIds"/> cut as <see cref="SamplingOptions.TruncatePromptTokens"/> says; the engine does that to every request. A
    /// prompt of text is cut by the server, which is the first to know its ids.
    /// </summary>
    public GenerationRequest WithTruncatedPrompt() =>
        PromptText is not null || Sampling.TruncatePromptTokens is not (> 0 and var length) ? this : this with
    {
        PromptIds = PromptIds.Length > length ? PromptIds[^length..] : PromptIds,
        Sampling = Sampling with { TruncatePromptTokens = null },
    };
}

namespace Connectors.Vllm.Grpc;

/// <summary>
/// A generation request: a prompt as token ids or text, and how to generate. Set <see cref="PromptIds"/> or <see cref="PromptText"/>, not both. The
/// engine does not change it; it can be sent again.
/// </summary>
public sealed record GenerationRequest
{
    /// <summary>
    /// The token ids of the prompt, sent verbatim: nothing is added, not even BOS. Each is at least 0 and below the vocabulary size.
    /// </summary>
    public ReadOnlyMemory<int> PromptIds { get; init; }

    /// <summary>
    /// The prompt as text. The server tokenizes it and adds its special tokens; no chat template is applied. Do not use it for rendered chats: a
    /// template that writes BOS would result in two.
    /// </summary>
    public string? PromptText { get; init; }

    /// <summary>The id of the request, used to abort it and in the server's log; unique per server. <see langword="null"/> generates one.</summary>
    public string? RequestId { get; init; }

    /// <summary>The sampling parameters and length limits.</summary>
    public SamplingOptions Sampling { get; init; } = SamplingOptions.Default;

    /// <summary>The constraint on the output; <see langword="null"/> for free text.</summary>
    public OutputConstraint? Constraint { get; init; }

    /// <summary>
    /// Strings that end the answer. The server stops after the token that completes one; the ids it returns include the match, so the consumer of the
    /// ids trims the text itself.
    /// </summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Token ids that end the answer, in addition to the model's own.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>
    /// The log probabilities to return: <see langword="null"/> for none, 0 for the sampled tokens only, k for the k most likely tokens as well
    /// (servers allow up to 20 by default).
    /// </summary>
    public int? Logprobs { get; init; }

    /// <summary>
    /// The log probabilities of the prompt's tokens to return: <see langword="null"/> for none, 0 for the tokens only, k for the k most likely ones
    /// as well. Slows the server down.
    /// </summary>
    public int? PromptLogprobs { get; init; }

    /// <summary>
    /// Token ids whose log probabilities are returned with each generated token, instead of those of the most likely tokens. Inference protocol only.
    /// Requires <see cref="Logprobs"/>, whose number is then ignored. Servers limit how many ids are allowed.
    /// </summary>
    public IReadOnlyList<int>? LogprobTokenIds { get; init; }

    /// <summary>The media items, in the order of their placeholder tokens in <see cref="PromptIds"/>.</summary>
    public IReadOnlyList<MediaItem> Media { get; init; } = [];

    /// <summary>
    /// The name of a served model; <see langword="null"/> for the server's default model. Inference protocol only; ignored by the VllmEngine
    /// protocol, which has one model per server.
    /// </summary>
    public string? Model { get; init; }

    /// <summary>The name of a LoRA adapter loaded on the server. Inference protocol only.</summary>
    public string? LoraName { get; init; }

    /// <summary>The scheduling priority; lower runs first, if the server schedules by priority. Inference protocol only.</summary>
    public int? Priority { get; init; }

    /// <summary>The session id. Inference protocol only.</summary>
    public string? SessionId { get; init; }

    /// <summary>A salt that separates this request's prefix cache entries from those of other requests. Inference protocol only.</summary>
    public string? CacheSalt { get; init; }

    /// <summary>Whether to skip reading the prefix cache. Inference protocol only.</summary>
    public bool BypassPrefixCache { get; init; }

    /// <summary>Whether the server may watermark the answer; <see langword="null"/> leaves it to the server. Inference protocol only.</summary>
    public bool? Watermarking { get; init; }

    /// <summary>Parameters for the server's KV connector, as a JSON object; <see langword="null"/> sends none.</summary>
    public string? KvTransferParamsJson { get; init; }

    /// <summary>
    /// Hints for the manager of the KV cache, as a JSON object in the form of the protocol's message <c>KVHintsEnvelope</c> (protocol_version,
    /// message_id, actions); <see langword="null"/> sends none. Inference protocol only.
    /// </summary>
    public string? KvHints { get; init; }

    /// <summary>The data-parallel rank to run on; <see langword="null"/> lets the server choose.</summary>
    public int? DataParallelRank { get; init; }

    /// <summary>
    /// Whether tokens are sent as they are generated, which is the default. If <see langword="false"/>, the connection is silent until the end and
    /// each choice arrives in one update; the results are the same.
    /// </summary>
    public bool Stream { get; init; } = true;

    /// <summary>
    /// The model for which the prompt was tokenized, as returned by <see cref="IVllmEngine.GetModelInfoAsync"/>. If the server has a different model
    /// by the time the request would be sent, nothing is sent and <see cref="VllmModelChangedException"/> is thrown. <see langword="null"/> sends to
    /// any model.
    /// </summary>
    public VllmModelInfo? PreparedFor { get; init; }

    /// <summary>
    /// The size of the model's vocabulary, used to check ids if the server does not report it (Inference protocol, where a prompt id out of range
    /// kills the engine for everyone). <see langword="null"/> relies on what the server reports; if it reports nothing, prompt ids must be below
    /// 524,288, which is more than any model has, and biased, allowed and chosen ids and numbers of log probabilities above 256 are refused. Clients
    /// with a tokenizer set it.
    /// </summary>
    public int? VocabularySize { get; init; }

    /// <summary>
    /// The maximum number of tokens of prompt and answer together, used if the server does not report it. <see langword="null"/> then leaves the
    /// length to the server.
    /// </summary>
    public int? ContextLength { get; init; }

    /// <summary>The model's own sampling defaults (from its generation_config.json), used if the server does not report them.</summary>
    public SamplingOptions? ModelDefaults { get; init; }

    /// <summary>
    /// Whether to request the answer's text as decoded by the server; see <see cref="GenerationUpdate.Text"/>. Inference protocol only.
    /// </summary>
    public bool IncludeServerText { get; init; }

    /// <summary>
    /// Whether to request the answer's token ids, which is the default. If <see langword="false"/>, only their number is sent, where the server can
    /// leave them out (Inference protocol): for consumers that need <see cref="GenerationUpdate.Text"/> only. A constraint that failed silently then
    /// cannot be told from an empty answer.
    /// </summary>
    public bool IncludeTokenIds { get; init; } = true;

    /// <summary>
    /// Whether to request the prompt's token ids as encoded by the server; see <see cref="GenerationUpdate.PromptIds"/>. Inference protocol only.
    /// </summary>
    public bool IncludePromptIds { get; init; }

    /// <summary>Whether to set <see cref="GenerationUpdate.RawRepresentation"/> to the protobuf message of each update.</summary>
    public bool IncludeRawRepresentation { get; init; }

    /// <summary>Additional gRPC metadata for this call.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The id of the request with several choices that this is one choice of; null when it is none.</summary>
    internal string? PartOf { get; init; }

    /// <summary>The server could not take the request's stop strings, which were taken out.</summary>
    internal bool StopStringsOmitted { get; init; }

    /// <summary>Creates a new unique request id. Ids sort by creation time.</summary>
    /// <param name="prefix">The prefix of the id.</param>
    public static string NewRequestId(string prefix = "") => prefix + Guid.CreateVersion7().ToString("N");

    /// <summary>
    /// Returns this request with <see cref="PromptIds"/> truncated according to <see cref="SamplingOptions.TruncatePromptTokens"/>. The engine does
    /// so for every request. A text prompt is truncated by the server, which tokenizes it.
    /// </summary>
    public GenerationRequest WithTruncatedPrompt() =>
        PromptText is not null || Sampling.TruncatePromptTokens is not (> 0 and var length) ? this : this with
    {
        PromptIds = PromptIds.Length > length ? PromptIds[^length..] : PromptIds,
        Sampling = Sampling with { TruncatePromptTokens = null },
    };
}

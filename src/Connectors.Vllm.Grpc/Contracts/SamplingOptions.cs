namespace Connectors.Vllm.Grpc;

/// <summary>
/// How tokens are chosen and how many. Null means "not said": the model's own default if it has one (<see cref="VllmModelInfo.DefaultSampling"/>),
/// else neutral. Both protocols get the same values on the wire, because their own meanings of an absent value differ. Ranges are checked before
/// sending.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>Nothing said.</summary>
    public static SamplingOptions Default { get; } = new();

    /// <summary>Randomness, 0 (greedy) to 2. Neutral 1.</summary>
    public float? Temperature { get; init; }

    /// <summary>Nucleus sampling, above 0 to 1. Neutral 1.</summary>
    public float? TopP { get; init; }

    /// <summary>Choose among the k best tokens; 0 and −1 mean all. Neutral 0.</summary>
    public int? TopK { get; init; }

    /// <summary>Least probability relative to the best token, 0 to 1. Neutral 0.</summary>
    public float? MinP { get; init; }

    /// <summary>Penalty by how often a token was generated, −2 to 2. Neutral 0.</summary>
    public float? FrequencyPenalty { get; init; }

    /// <summary>Penalty for tokens that were generated at all, −2 to 2. Neutral 0.</summary>
    public float? PresencePenalty { get; init; }

    /// <summary>Penalty for tokens of prompt and output, above 0. Neutral 1.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>Most tokens to generate per choice, at least 1; null and larger values mean what the context has room for.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Tokens before which no end is allowed; at most <see cref="MaxTokens"/>. Neutral 0.</summary>
    public int? MinTokens { get; init; }

    /// <summary>Goes on after the model's end token. Neutral false.</summary>
    public bool? IgnoreEos { get; init; }

    /// <summary>Number of independent choices, at least 1; more than 1 needs a temperature above 0. Neutral 1.</summary>
    public int? ChoiceCount { get; init; }

    /// <summary>
    /// Seed for repeatable sampling. The VllmEngine protocol takes 32 bits (−2147483648 to 2147483647, where −1 means none), the
    /// Inference protocol 64.
    /// </summary>
    public long? Seed { get; init; }

    /// <summary>Added to the logits of tokens, by token id.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>Only these tokens may be generated; Inference protocol only.</summary>
    public IReadOnlyList<int>? AllowedTokenIds { get; init; }

    /// <summary>
    /// Whether the text that the server compares with stop strings leaves special tokens out. False lets a stop string match a special
    /// token's text. Never changes token ids. Neutral: not sent.
    /// </summary>
    public bool? SkipSpecialTokens { get; init; }

    /// <summary>Spaces between special tokens in the same text; VllmEngine protocol, slow tokenizers only.</summary>
    public bool? SpacesBetweenSpecialTokens { get; init; }

    /// <summary>Keeps the matched stop string. Only servers of the Inference protocol that send text heed it.</summary>
    public bool? IncludeStopString { get; init; }

    /// <summary>Keeps only the last N tokens of the prompt, at least 1. Not for prompts with media.</summary>
    public int? TruncatePromptTokens { get; init; }

    /// <summary>This, with values that are not said taken from <paramref name="defaults"/>.</summary>
    public SamplingOptions WithDefaults(SamplingOptions? defaults) => defaults is null ? this : new()
    {
        Temperature = Temperature ?? defaults.Temperature,
        TopP = TopP ?? defaults.TopP,
        TopK = TopK ?? defaults.TopK,
        MinP = MinP ?? defaults.MinP,
        FrequencyPenalty = FrequencyPenalty ?? defaults.FrequencyPenalty,
        PresencePenalty = PresencePenalty ?? defaults.PresencePenalty,
        RepetitionPenalty = RepetitionPenalty ?? defaults.RepetitionPenalty,
        MaxTokens = MaxTokens ?? defaults.MaxTokens,
        MinTokens = MinTokens ?? defaults.MinTokens,
        IgnoreEos = IgnoreEos ?? defaults.IgnoreEos,
        ChoiceCount = ChoiceCount ?? defaults.ChoiceCount,
        Seed = Seed ?? defaults.Seed,
        LogitBias = LogitBias ?? defaults.LogitBias,
        AllowedTokenIds = AllowedTokenIds ?? defaults.AllowedTokenIds,
        SkipSpecialTokens = SkipSpecialTokens ?? defaults.SkipSpecialTokens,
        SpacesBetweenSpecialTokens = SpacesBetweenSpecialTokens ?? defaults.SpacesBetweenSpecialTokens,
        IncludeStopString = IncludeStopString ?? defaults.IncludeStopString,
        TruncatePromptTokens = TruncatePromptTokens ?? defaults.TruncatePromptTokens,
    };
}

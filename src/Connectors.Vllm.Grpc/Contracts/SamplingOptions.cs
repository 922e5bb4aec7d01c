namespace Connectors.Vllm.Grpc;

/// <summary>
/// The sampling parameters and length limits of a generation. <see langword="null"/> means unspecified: the model's own default applies if there is
/// one (<see cref="VllmModelInfo.DefaultSampling"/>), and otherwise the neutral value. Both protocols are sent the same explicit values, because they
/// interpret absent ones differently. Ranges are checked before sending.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>Options in which nothing is specified.</summary>
    public static SamplingOptions Default { get; } = new();

    /// <summary>The sampling temperature, from 0 (greedy) to 2. Neutral: 1.</summary>
    public float? Temperature { get; init; }

    /// <summary>The probability mass for nucleus sampling, above 0 and at most 1. Neutral: 1.</summary>
    public float? TopP { get; init; }

    /// <summary>The number of most likely tokens to sample from; 0 and −1 mean all. Neutral: 0.</summary>
    public int? TopK { get; init; }

    /// <summary>The minimum probability relative to the most likely token, from 0 to 1. Neutral: 0.</summary>
    public float? MinP { get; init; }

    /// <summary>The penalty for tokens by how often they were generated, from −2 to 2. Neutral: 0.</summary>
    public float? FrequencyPenalty { get; init; }

    /// <summary>The penalty for tokens that were generated at all, from −2 to 2. Neutral: 0.</summary>
    public float? PresencePenalty { get; init; }

    /// <summary>The penalty for tokens that occur in prompt or output, above 0. Neutral: 1.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>
    /// The maximum number of tokens to generate per choice, at least 1. <see langword="null"/> and larger values mean as many as fit into the
    /// context.
    /// </summary>
    public int? MaxTokens { get; init; }

    /// <summary>The minimum number of tokens to generate before the answer may end; at most <see cref="MaxTokens"/>. Neutral: 0.</summary>
    public int? MinTokens { get; init; }

    /// <summary>Whether to continue past the model's end-of-sequence token. Neutral: <see langword="false"/>.</summary>
    public bool? IgnoreEos { get; init; }

    /// <summary>The number of independent choices (vLLM's <c>n</c>), at least 1; more than 1 requires a temperature above 0. Neutral: 1.</summary>
    public int? ChoiceCount { get; init; }

    /// <summary>
    /// The seed for reproducible sampling. The VllmEngine protocol supports 32 bits (−2147483648 to 2147483647, where −1 means none), the Inference
    /// protocol 64.
    /// </summary>
    public long? Seed { get; init; }

    /// <summary>The values to add to the logits of tokens, by token id.</summary>
    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>The only tokens that may be generated. Inference protocol only.</summary>
    public IReadOnlyList<int>? AllowedTokenIds { get; init; }

    /// <summary>
    /// Whether special tokens are left out of the text in which the server looks for stop strings. <see langword="false"/> lets a stop string match a
    /// special token's text. Never changes token ids. Neutral: not sent.
    /// </summary>
    public bool? SkipSpecialTokens { get; init; }

    /// <summary>Whether spaces are put between special tokens in that text. VllmEngine protocol and slow tokenizers only.</summary>
    public bool? SpacesBetweenSpecialTokens { get; init; }

    /// <summary>Whether the matched stop string is kept in the text. Only honored by servers of the Inference protocol that send text.</summary>
    public bool? IncludeStopString { get; init; }

    /// <summary>The number of tokens of the prompt to keep, from its end; at least 1. Not supported for prompts with media.</summary>
    public int? TruncatePromptTokens { get; init; }

    /// <summary>Returns these options, with unspecified values taken from <paramref name="defaults"/>.</summary>
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

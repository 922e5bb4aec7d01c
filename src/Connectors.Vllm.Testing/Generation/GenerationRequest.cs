namespace Connectors.Vllm.Testing.Generation;

/// <summary>One generation after the protocol's defaults were filled in: what the engine is told.</summary>
internal sealed record GenerationRequest
{
    public required string RequestId { get; init; }

    public required int[] PromptIds { get; init; }

    public required int MaxTokens { get; init; }

    public int MinTokens { get; init; }

    public bool IgnoreEos { get; init; }

    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    public IReadOnlyList<string> StopStrings { get; init; } = [];

    public bool IncludeStop { get; init; }

    public bool SkipSpecialTokens { get; init; }

    public bool NeedsText { get; init; }

    public int Choices { get; init; } = 1;

    public Constraint? Constraint { get; init; }

    public bool ReadsPrefixCache { get; init; } = true;

    public string CacheSalt { get; init; } = "";

    /// <summary>Older engines left ids after a stop string match in the message that holds the match.</summary>
    public bool KeepsIdsBehindStop { get; init; }

    /// <summary>Prompt length as counted after media were expanded.</summary>
    public int PromptTokens { get; init; }
}

/// <summary>A structured-output constraint as both protocols carry it.</summary>
/// <param name="Kind">What kind it is.</param>
/// <param name="Text">Schema, pattern, grammar or tag; empty for the others.</param>
/// <param name="Choices">The choices of <see cref="ConstraintKind.Choice"/>.</param>
internal sealed record Constraint(ConstraintKind Kind, string Text, IReadOnlyList<string> Choices);

/// <summary>Kind of structured-output constraint.</summary>
internal enum ConstraintKind
{
    JsonSchema,
    Regex,
    Choice,
    Grammar,
    JsonObject,
    StructuralTag,
}

/// <summary>The model's own end-of-sequence ids.</summary>
/// <param name="Eos">The primary one, of config.json.</param>
/// <param name="SecondaryEos">Those that only generation_config.json names; they end a sequence like stop ids.</param>
internal sealed record ModelStops(int Eos, IReadOnlyList<int> SecondaryEos);

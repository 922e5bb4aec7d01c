namespace Connectors.Vllm.Testing.Generation;

/// <summary>A generation request as the engine receives it, with the protocol's defaults applied.</summary>
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

    /// <summary>Whether ids after a stop string stay in the message that contains the match, as in older engines.</summary>
    public bool KeepsIdsAfterStop { get; init; }

    /// <summary>The length of the prompt after media were expanded.</summary>
    public int PromptTokens { get; init; }
}

/// <summary>A structured-output constraint.</summary>
/// <param name="Kind">The kind of constraint.</param>
/// <param name="Text">The schema, pattern, grammar or tag; empty for the other kinds.</param>
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
/// <param name="Eos">The primary id, from config.json.</param>
/// <param name="SecondaryEos">The ids that only generation_config.json contains; they end a sequence like stop ids.</param>
internal sealed record ModelStops(int Eos, IReadOnlyList<int> SecondaryEos);

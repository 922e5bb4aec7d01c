namespace Connectors.Vllm.Testing.Engine;

/// <summary>One generation after the family's defaults were filled in: what the engine would be told.</summary>
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

    /// <summary>Older engines left ids behind a stop string match in the message that holds the match.</summary>
    public bool KeepsIdsBehindStop { get; init; }

    /// <summary>Prompt length as counted after media were expanded.</summary>
    public int PromptTokens { get; init; }
}

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>One message after tool results and neighbouring user messages were merged into turns.</summary>
internal sealed class DeepSeekTurn
{
    public required string Role { get; init; }

    /// <summary>The message the turn started with; null for the system turn that only carries the request's tools.</summary>
    public PromptMessage? Source { get; init; }

    /// <summary>Content of every turn that is no user turn.</summary>
    public IReadOnlyList<PromptText> Pieces { get; init; } = [];

    /// <summary>Content of a user turn.</summary>
    public List<DeepSeekBlock> Blocks { get; } = [];

    public IReadOnlyList<PromptToolCall> ToolCalls { get; init; } = [];

    public IReadOnlyList<PromptTool> Tools { get; init; } = [];

    public string? Task { get; init; }

    /// <summary>The turn's reasoning; history that the model should not see again is dropped from here.</summary>
    public string? Reasoning { get; set; }
}

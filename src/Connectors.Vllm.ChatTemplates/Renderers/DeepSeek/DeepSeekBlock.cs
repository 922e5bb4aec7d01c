namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>One block of a user turn: text, or a tool's result.</summary>
/// <param name="Pieces">The block's text in pieces, written with an empty line between them.</param>
/// <param name="IsResult">Whether the block is a tool result.</param>
/// <param name="CallId">Id of the call a result answers; null when it has none.</param>
internal sealed record DeepSeekBlock(IReadOnlyList<PromptText> Pieces, bool IsResult = false, string? CallId = null);

using System.Text.Json;

namespace Connectors.Vllm.Testing.Model;

/// <summary>What the demonstration model understands of a prompt.</summary>
/// <param name="UserText">The last user message (or the tail of a prompt without chat markers), whitespace collapsed, at most a few hundred characters.</param>
/// <param name="Tools">The functions offered, as JSON objects with name, description and parameters.</param>
/// <param name="ToolResult">The result of a tool call that came after the last user message, or null.</param>
/// <param name="IsChat">True when the prompt ends where an assistant's turn begins.</param>
/// <param name="Think">State of the think block at the prompt's end.</param>
internal sealed record PromptFacts(string UserText, IReadOnlyList<JsonElement> Tools, string? ToolResult, bool IsChat, ThinkState Think);

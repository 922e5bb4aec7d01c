using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Oracle.Tests.Prompts;

/// <summary>One conversation in both forms.</summary>
internal sealed record PromptCase(
    string Name, List<ChatMessage> Messages, string MessagesJson, IList<AITool>? Tools = null, string? ToolsJson = null);

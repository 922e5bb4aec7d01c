using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>A conversation as a chat template sees it, with what the rest of the request needs to know about it.</summary>
/// <param name="Messages">One dictionary per message, keys in vLLM's order.</param>
/// <param name="Media">All media, in the order of the messages.</param>
/// <param name="CallIds">Ids of all tool calls in the history: a new call must not reuse one.</param>
internal sealed record TemplateConversation(
    List<Dictionary<string, object?>> Messages,
    IReadOnlyList<MediaItem> Media,
    IReadOnlySet<string> CallIds)
{
    /// <summary>Whether the conversation says anything; a template given nothing prints a prompt about nothing.</summary>
    public bool IsEmpty => Messages.Count == 0;
}

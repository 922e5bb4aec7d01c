using Microsoft.Extensions.AI;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// What Semantic Kernel's telemetry and users look for in a content's metadata: Id, CreatedAt, Usage, FinishReason, and vLLM's extras by their names.
/// </summary>
internal static class AnswerMetadata
{
    public static IReadOnlyDictionary<string, object?> Of(ChatResponseUpdate update) => Of(
        update.AdditionalProperties, update.ResponseId, update.CreatedAt, update.Contents.OfType<UsageContent>().FirstOrDefault()?.Details,
        update.FinishReason);

    public static IReadOnlyDictionary<string, object?> Of(ChatMessage message, ChatResponse response) =>
        Of(message.AdditionalProperties, response.ResponseId, response.CreatedAt, response.Usage, response.FinishReason);

    private static Dictionary<string, object?> Of(
        AdditionalPropertiesDictionary? properties, string? id, DateTimeOffset? createdAt, UsageDetails? usage, ChatFinishReason? finish)
    {
        var metadata = new Dictionary<string, object?>(4, StringComparer.Ordinal);
        foreach ((var name, var value) in properties ?? [])
        {
            metadata[name] = value;
        }

        Set("Id", id);
        Set("CreatedAt", createdAt);
        Set("Usage", usage);
        Set("FinishReason", finish?.Value);
        return metadata;

        void Set(string name, object? value)
        {
            if (value is not null)
            {
                metadata[name] = value;
            }
        }
    }
}

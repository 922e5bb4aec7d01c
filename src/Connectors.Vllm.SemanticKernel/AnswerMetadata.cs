using Microsoft.Extensions.AI;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>What Semantic Kernel's telemetry and users look for in a content's metadata: Usage, FinishReason, and vLLM's extras by their names.</summary>
internal static class AnswerMetadata
{
    public static IReadOnlyDictionary<string, object?>? Of(ChatResponseUpdate update) =>
        Of(update.AdditionalProperties, update.Contents.OfType<UsageContent>().FirstOrDefault()?.Details, update.FinishReason);

    public static IReadOnlyDictionary<string, object?>? Of(AdditionalPropertiesDictionary? properties, UsageDetails? usage, ChatFinishReason? finish)
    {
        if (properties is null && usage is null && finish is null)
        {
            return null;
        }

        var metadata = new Dictionary<string, object?>(properties ?? [], StringComparer.Ordinal);
        if (usage is not null)
        {
            metadata["Usage"] = usage;
        }

        if (finish is { } reason)
        {
            metadata["FinishReason"] = reason.Value;
        }

        return metadata;
    }
}

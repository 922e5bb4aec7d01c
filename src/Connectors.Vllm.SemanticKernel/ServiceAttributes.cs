using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel.Services;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// What Semantic Kernel wants to know of a service. Asked anew each time: which model a server serves is known from the first request on.
/// </summary>
internal static class ServiceAttributes
{
    public static IReadOnlyDictionary<string, object?> Of(IChatClient client, string? modelId)
    {
        var attributes = new Dictionary<string, object?>(2);
        var metadata = client.GetService<ChatClientMetadata>();
        if ((modelId ?? metadata?.DefaultModelId) is { } model)
        {
            attributes[AIServiceExtensions.ModelIdKey] = model;
        }

        if (metadata?.ProviderUri is { } endpoint)
        {
            attributes[AIServiceExtensions.EndpointKey] = endpoint.ToString();
        }

        return attributes;
    }
}

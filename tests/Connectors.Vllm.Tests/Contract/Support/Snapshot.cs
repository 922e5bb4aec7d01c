using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>Values as JSON, to compare them deeply.</summary>
internal static class Snapshot
{
    public static string Of(ChatOptions options) =>
        JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions)
        + string.Join(',', (options.Tools ?? []).Select(tool => tool.Name))
        + string.Join(',', options.StopSequences ?? []);

    public static string Of(IEnumerable<ChatMessage> messages) => JsonSerializer.Serialize(messages.ToList(), AIJsonUtilities.DefaultOptions);

    public static string Of(ChatResponse response) => JsonSerializer.Serialize(response, AIJsonUtilities.DefaultOptions);

    /// <summary>A response without what differs from call to call.</summary>
    public static string WithoutIds(ChatResponse response)
    {
        var copy = JsonSerializer.Deserialize<ChatResponse>(Of(response), AIJsonUtilities.DefaultOptions)!;
        var id = copy.ResponseId ?? "";
        copy.ResponseId = null;
        copy.CreatedAt = null;
        foreach (var message in copy.Messages)
        {
            message.MessageId = id.Length > 0 ? message.MessageId?.Replace(id, "id", StringComparison.Ordinal) : message.MessageId;
            message.CreatedAt = null;
            for (var i = 0; i < message.Contents.Count; i++)
            {
                if (message.Contents[i] is FunctionCallContent call)
                {
                    message.Contents[i] = new FunctionCallContent("call", call.Name, call.Arguments)
                    { AdditionalProperties = call.AdditionalProperties };
                }
            }
        }

        return Of(copy);
    }
}

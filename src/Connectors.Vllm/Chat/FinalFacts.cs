using System.Text.Json;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// What the last update of a choice tells besides its contents, as JSON-friendly values; see <see cref="VllmChatMessageExtensions"/>.
/// </summary>
internal static class FinalFacts
{
    public static AdditionalPropertiesDictionary? Of(
        GenerationFinish? finish, string? matchedStop, LogprobCollector? logprobs, List<int>? ids, ReadOnlyMemory<int> promptIds)
    {
        AdditionalPropertiesDictionary? facts = null;
        if ((matchedStop ?? finish?.StopString) is { } stop)
        {
            Set(VllmResponseKeys.ResponseStopReason, stop);
        }
        else if (finish?.StopTokenId is int id)
        {
            Set(VllmResponseKeys.ResponseStopReason, id);
        }

        if (finish?.KvTransferParamsJson is { Length: > 0 } transfer)
        {
            Set(VllmResponseKeys.ResponseKvTransferParameters, transfer);
        }

        if (logprobs?.Output() is JsonElement output)
        {
            Set(VllmResponseKeys.ResponseLogprobs, output);
        }

        if (logprobs?.Prompt() is JsonElement prompt)
        {
            Set(VllmResponseKeys.ResponsePromptLogprobs, prompt);
        }

        if (ids is not null)
        {
            Set(VllmResponseKeys.ResponseTokenIds, ToElement(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids).ToArray()));
            Set(VllmResponseKeys.ResponsePromptTokenIds, ToElement(promptIds));
        }

        return facts;

        void Set(string key, object value) => (facts ??= [])[key] = value;
    }

    private static JsonElement ToElement(ReadOnlyMemory<int> ids) => PlainJson.ToElement(writer =>
    {
        writer.WriteStartArray();
        foreach (var id in ids.Span)
        {
            writer.WriteNumberValue(id);
        }

        writer.WriteEndArray();
    });
}

using System.Text.Json;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>What the last update of a choice tells besides its contents, as JSON-friendly values; see <see cref="VllmChatResponseExtensions"/>.</summary>
internal static class FinalFacts
{
    public static AdditionalPropertiesDictionary? Of(
        GenerationFinish? finish, string? matchedStop, LogProbCollector? logProbs, List<int>? ids, ReadOnlyMemory<int> promptIds)
    {
        AdditionalPropertiesDictionary? facts = null;
        if ((matchedStop ?? finish?.StopString) is { } stop)
        {
            Set(VllmOptionNames.ResponseStopReason, stop);
        }
        else if (finish?.StopTokenId is int id)
        {
            Set(VllmOptionNames.ResponseStopReason, id);
        }

        if (finish?.KvTransferParamsJson is { Length: > 0 } transfer)
        {
            Set(VllmOptionNames.ResponseKvTransferParameters, transfer);
        }

        if (logProbs?.Output() is JsonElement output)
        {
            Set(VllmOptionNames.ResponseLogProbs, output);
        }

        if (logProbs?.Prompt() is JsonElement prompt)
        {
            Set(VllmOptionNames.ResponsePromptLogProbs, prompt);
        }

        if (ids is not null)
        {
            Set(VllmOptionNames.ResponseTokenIds, ToElement(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids).ToArray()));
            Set(VllmOptionNames.ResponsePromptTokenIds, ToElement(promptIds));
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

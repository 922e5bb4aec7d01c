using System.Text.Json;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Creates the additional properties of the last update of a choice, as JSON-compatible values; see <see cref="VllmChatMessageExtensions"/>.
/// </summary>
internal static class FinalProperties
{
    public static AdditionalPropertiesDictionary? Of(
        GenerationFinish? finish, string? matchedStop, LogprobCollector? logprobs, List<int>? ids, ReadOnlyMemory<int> promptIds)
    {
        AdditionalPropertiesDictionary? properties = null;
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

        return properties;

        void Set(string key, object value) => (properties ??= [])[key] = value;
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

/// <summary>Collects the log probabilities of a choice and writes them, with the text of each token, for the final update.</summary>
internal sealed class LogprobCollector(VllmTokenizer tokenizer)
{
    private List<TokenLogprob>? _output;
    private IReadOnlyList<TokenLogprob>? _prompt;

    public void Add(GenerationUpdate update, int count)
    {
        if (update.Logprobs is { } logprobs)
        {
            (_output ??= []).AddRange(logprobs.Take(count));
        }

        _prompt ??= update.PromptLogprobs;
    }

    public JsonElement? Output() => _output is null ? null : Write(_output);

    public JsonElement? Prompt() => _prompt is null ? null : Write(_prompt);

    private JsonElement Write(IReadOnlyList<TokenLogprob> tokens) => PlainJson.ToElement(writer =>
    {
        writer.WriteStartArray();
        foreach (var token in tokens)
        {
            writer.WriteStartObject();
            WriteToken(writer, token.TokenId, token.Logprob, token.Rank);
            if (token.Alternatives.Count > 0)
            {
                writer.WriteStartArray("top");
                foreach (var candidate in token.Alternatives)
                {
                    writer.WriteStartObject();
                    WriteToken(writer, candidate.TokenId, candidate.Logprob, candidate.Rank);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    private void WriteToken(Utf8JsonWriter writer, int id, float? logprob, int? rank)
    {
        writer.WriteString("token", tokenizer.Decode([id]));
        writer.WriteNumber("id", id);
        if (logprob is float value && float.IsFinite(value))
        {
            writer.WriteNumber("logprob", value);
        }
        else
        {
            writer.WriteNull("logprob");
        }

        if (rank is int position)
        {
            writer.WriteNumber("rank", position);
        }
    }
}

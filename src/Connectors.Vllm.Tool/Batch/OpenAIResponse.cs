using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tool.Batch;

/// <summary>Writes a response in the form of OpenAI's chat completion, so that programs that read batch results read these too.</summary>
internal static class OpenAIResponse
{
    public static void WriteCompletion(Utf8JsonWriter writer, ChatResponse response)
    {
        writer.WriteStartObject();
        writer.WriteString("id", response.ResponseId);
        writer.WriteString("object", "chat.completion");
        writer.WriteNumber("created", (response.CreatedAt ?? DateTimeOffset.UnixEpoch).ToUnixTimeSeconds());
        writer.WriteString("model", response.ModelId);
        writer.WriteStartArray("choices");
        for (var i = 0; i < response.Messages.Count; i++)
        {
            WriteChoice(writer, response, response.Messages[i], i);
        }

        writer.WriteEndArray();
        WriteUsage(writer, response.Usage);
        writer.WriteEndObject();
    }

    public static void WriteUsage(Utf8JsonWriter writer, UsageDetails? usage)
    {
        writer.WriteStartObject("usage");
        writer.WriteNumber("prompt_tokens", usage?.InputTokenCount ?? 0);
        writer.WriteNumber("completion_tokens", usage?.OutputTokenCount ?? 0);
        writer.WriteNumber("total_tokens", usage?.TotalTokenCount ?? 0);
        writer.WriteStartObject("prompt_tokens_details");
        writer.WriteNumber("cached_tokens", usage?.CachedInputTokenCount ?? 0);
        writer.WriteEndObject();
        writer.WriteStartObject("completion_tokens_details");
        writer.WriteNumber("reasoning_tokens", usage?.ReasoningTokenCount ?? 0);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteChoice(Utf8JsonWriter writer, ChatResponse response, ChatMessage message, int index)
    {
        writer.WriteStartObject();
        writer.WriteNumber("index", index);
        writer.WriteStartObject("message");
        writer.WriteString("role", message.Role.Value);
        var calls = message.Contents.OfType<FunctionCallContent>().ToList();
        writer.WriteString("content", message.Text.Length == 0 && calls.Count > 0 ? null : message.Text);
        var thought = string.Concat(message.Contents.OfType<TextReasoningContent>().Select(static part => part.Text));
        if (thought.Length > 0)
        {
            writer.WriteString("reasoning_content", thought);
        }

        if (calls.Count > 0)
        {
            writer.WriteStartArray("tool_calls");
            foreach (var call in calls)
            {
                writer.WriteStartObject();
                writer.WriteString("id", call.CallId);
                writer.WriteString("type", "function");
                writer.WriteStartObject("function");
                writer.WriteString("name", call.Name);
                writer.WriteString("arguments", ArgumentsOf(call));
                writer.WriteEndObject();
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
        writer.WriteString("finish_reason", response.FinishReason?.Value);
        if (message.AdditionalProperties?.TryGetValue("logprobs", out var logprobs) == true
            && logprobs is JsonElement { ValueKind: JsonValueKind.Array } tokens)
        {
            writer.WriteStartObject("logprobs");
            writer.WritePropertyName("content");
            tokens.WriteTo(writer);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    public static string ArgumentsOf(FunctionCallContent call) =>
        call.AdditionalProperties?.TryGetValue("vllm.raw_arguments", out var raw) == true && raw is string text ? text
        : call.Arguments is { } arguments
            ? JsonSerializer.Serialize(new Dictionary<string, object?>(arguments), ToolJson.Default.DictionaryStringObject)
        : "{}";
}

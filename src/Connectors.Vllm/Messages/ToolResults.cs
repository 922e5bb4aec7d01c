using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Converts a tool's result for the prompt: text unchanged, contents one by one, other values as JSON. A result that cannot be converted becomes an
/// error text for the model, which can then try something else; it never makes the request fail.
/// </summary>
internal static class ToolResults
{
    public static void Read(FunctionResultContent content, ContentParts parts, ContentReader reader, ILogger logger)
    {
        switch (content.Result)
        {
            case null:
                parts.AddText(content.Exception is null ? string.Empty : Failed(content.Exception));
                break;
            case string text:
                parts.AddText(text);
                break;
            case Exception exception:
                parts.AddText(Failed(exception));
                break;
            case AIContent single:
                reader.AddFromTool(parts, single);
                break;
            case IEnumerable<AIContent> several:
                AddAll(several);
                break;
            case ChatMessage message:
                AddAll(message.Contents);
                break;
            case ChatResponse response:
                AddAll(response.Messages.SelectMany(static message => message.Contents));
                break;
            case JsonElement { ValueKind: JsonValueKind.String } element:
                parts.AddText(element.GetString()!);
                break;
            case JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined }:
                parts.AddText(string.Empty);
                break;
            case JsonElement element when TryReadContents(element) is { } saved:
                AddAll(saved);
                break;
            case JsonElement element:
                parts.AddText(element.GetRawText());
                break;
            case Type type:
                parts.AddText(type.FullName ?? type.Name);
                break;
            case Stream or Delegate or Task:
                parts.AddText(Unusable(content.Result));
                break;
            case IEnumerable<ChatMessage> messages:
                AddAll(messages.SelectMany(static message => message.Contents));
                break;
            case ICollection { Count: > 0 } items when items.Cast<object?>().All(static item => item is AIContent):
                AddAll(items.Cast<AIContent>());
                break;
            default:
                parts.AddText(Json(content.Result, logger));
                break;
        }

        void AddAll(IEnumerable<AIContent> contents)
        {
            foreach (var item in contents.OfType<AIContent>())
            {
                reader.AddFromTool(parts, item);
            }
        }
    }

    /// <summary>
    /// Reads contents that were serialized with their conversation: JSON objects with the type discriminators of Microsoft.Extensions.AI.
    /// </summary>
    private static List<AIContent>? TryReadContents(JsonElement element)
    {
        JsonElement[] items = element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray()] : [element];
        if (items.Length == 0
            || !Array.TrueForAll(items, static item => item.ValueKind == JsonValueKind.Object && item.TryGetProperty("$type", out _)))
        {
            return null;
        }

        try
        {
            var type = (JsonTypeInfo<AIContent>)AIJsonUtilities.DefaultOptions.GetTypeInfo(typeof(AIContent));
            return [.. items.Select(item => item.Deserialize(type)!)];
        }
        catch (Exception exception) when (exception is JsonException or NotSupportedException or ArgumentException)
        {
            // An application's own objects may have such a member as well.
            return null;
        }
    }

    private static string Json(object value, ILogger logger)
    {
        try
        {
            var plain = PlainValue.From(value);
            return plain as string ?? PlainJson.Write(plain);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // Also what a property of the application's own type throws.
            Log.ToolResultUnusable(logger, value.GetType().Name, exception);
            return Unusable(value);
        }
    }

    private static string Failed(Exception exception) => $"Error: Exception while invoking function. {exception.Message}";

    private static string Unusable(object value) => $"Error: The function returned a value that cannot be shown ({value.GetType().Name}).";
}

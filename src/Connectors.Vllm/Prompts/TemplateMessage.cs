using System.Collections;

namespace Connectors.Vllm;

/// <summary>Reads and copies the dictionaries that represent messages for templates, without changing them.</summary>
internal static class TemplateMessage
{
    public static string? Role(Dictionary<string, object?> message) => message["role"] as string;

    public static bool HasCalls(Dictionary<string, object?> message) => message.TryGetValue("tool_calls", out var calls)
        && calls is List<object?> { Count: > 0 };

    public static List<Dictionary<string, object?>> Calls(Dictionary<string, object?> message) =>
        ((List<object?>)message["tool_calls"]!).ConvertAll(static call => (Dictionary<string, object?>)call!);

    public static string CallId(Dictionary<string, object?> call) => call["id"] as string ?? string.Empty;

    public static string ResultId(Dictionary<string, object?> result) => result.GetValueOrDefault("tool_call_id") as string ?? string.Empty;

    public static string CallName(Dictionary<string, object?> call) =>
        ((Dictionary<string, object?>)call["function"]!)["name"] as string ?? string.Empty;

    /// <summary>Whether content is empty: null, no text, no parts, or parts without text.</summary>
    public static bool IsEmpty(object? content) => content is null or "" or ICollection { Count: 0 }
        || (content is List<object?> parts && parts.TrueForAll(static part =>
            part is Dictionary<string, object?> { Count: 2 } members && members.GetValueOrDefault("text") is ""));

    /// <summary>Creates empty content of the same form, a string or a list.</summary>
    public static object EmptyLike(object? content) => content is List<object?> ? new List<object?>() : string.Empty;

    /// <summary>Creates an empty message. A list still has one part, because some templates access the first.</summary>
    public static Dictionary<string, object?> Empty(string role, bool asList) =>
        new(StringComparer.Ordinal) { ["role"] = role, ["content"] = Content(string.Empty, asList) };

    public static object Content(string text, bool asList) => asList ? new List<object?> { TextPart(text) } : text;

    public static Dictionary<string, object?> With(Dictionary<string, object?> message, string key, object? value) =>
        new(message, StringComparer.Ordinal) { [key] = value };

    public static Dictionary<string, object?> Without(Dictionary<string, object?> message, params ReadOnlySpan<string> keys)
    {
        var copy = new Dictionary<string, object?>(message, StringComparer.Ordinal);
        foreach (var key in keys)
        {
            copy.Remove(key);
        }

        return copy;
    }

    /// <summary>Merges two messages of the same role.</summary>
    public static Dictionary<string, object?> Join(Dictionary<string, object?> first, Dictionary<string, object?> second)
    {
        var joined = new Dictionary<string, object?>(first, StringComparer.Ordinal);
        foreach (var (key, value) in second)
        {
            joined[key] = key switch
            {
                "content" => JoinContent(first["content"], value),
                "reasoning" or "reasoning_content" or "thinking" when first.GetValueOrDefault(key) is string earlier => $"{earlier}\n\n{value}",
                _ => value,
            };
        }

        return joined;
    }

    public static object? JoinContent(object? first, object? second)
    {
        if (IsEmpty(first) || IsEmpty(second))
        {
            return IsEmpty(first) ? second : first;
        }

        if (first is string left && second is string right)
        {
            return $"{left}\n\n{right}";
        }

        return new List<object?>([.. Parts(first!), .. Parts(second!)]);
    }

    private static IEnumerable<object?> Parts(object content) => content is string text ? [TextPart(text)] : (IEnumerable<object?>)content;

    private static Dictionary<string, object?> TextPart(string text) =>
        new(2, StringComparer.Ordinal) { ["type"] = "text", ["text"] = text };
}

using System.Collections;

namespace Connectors.Vllm;

/// <summary>
/// Brings a history into the strictest shape templates ask for: one system message in front, then user and assistant in turns, user first. Only used
/// when a template has refused the history as it is.
/// </summary>
internal static class HistoryRepair
{
    /// <summary>Returns the repaired messages, or null when nothing had to be changed.</summary>
    public static List<Dictionary<string, object?>>? Apply(List<Dictionary<string, object?>> messages)
    {
        var system = new List<Dictionary<string, object?>>();
        var turns = new List<Dictionary<string, object?>>();
        foreach (var message in messages)
        {
            if (Role(message) == "system")
            {
                system.Add(message);
                continue;
            }

            if (turns.Count == 0 && Role(message) == "assistant")
            {
                turns.Add(new Dictionary<string, object?>(StringComparer.Ordinal) { ["role"] = "user", ["content"] = message["content"] is string ? string.Empty : new List<object?>() });
            }

            if (turns.Count > 0 && Role(turns[^1]) == Role(message) && Role(message) is "user" or "assistant" && !turns[^1].ContainsKey("tool_calls"))
            {
                turns[^1] = Join(turns[^1], message);
            }
            else
            {
                turns.Add(message);
            }
        }

        if (system.Count > 0)
        {
            turns.Insert(0, system.Aggregate(Join));
        }

        return turns.SequenceEqual(messages) ? null : turns;
    }

    private static string? Role(Dictionary<string, object?> message) => message["role"] as string;

    private static Dictionary<string, object?> Join(Dictionary<string, object?> first, Dictionary<string, object?> second)
    {
        var joined = new Dictionary<string, object?>(first, StringComparer.Ordinal);
        foreach ((var key, var value) in second)
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

    private static object? JoinContent(object? first, object? second)
    {
        if (first is string left && second is string right)
        {
            return left.Length == 0 ? right : right.Length == 0 ? left : $"{left}\n\n{right}";
        }

        return new List<object?>([.. (IEnumerable<object?>)(first as IEnumerable ?? new List<object?>()), .. (IEnumerable<object?>)(second as IEnumerable ?? new List<object?>())]);
    }
}

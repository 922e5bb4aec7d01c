using System.Collections;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Connectors.Vllm;

/// <summary>
/// Reshapes a conversation for what its template can print, so that nothing of it is lost: one call a message, ids of the template's shape, system
/// text in front, user and assistant in turns. Changes neither the messages it is given nor what they say; a conversation that fits stays as it is.
/// </summary>
internal static class ConversationPlanner
{
    /// <param name="messages">The messages as a template reads them.</param>
    /// <param name="abilities">What the template can print.</param>
    /// <returns>The messages to render; those that need no change are the ones given.</returns>
    public static List<Dictionary<string, object?>> Plan(List<Dictionary<string, object?>> messages, VllmTemplateAbilities abilities)
    {
        var planned = messages;
        if (messages.Exists(HasCalls) || messages.Exists(static message => Role(message) == "tool"))
        {
            planned = abilities.PrintsToolCalls ? MapIds(planned, abilities.CallIds) : CallsIntoText(planned);
            planned = abilities.PrintsTextBesideCalls ? planned : SeparateText(planned, abilities.TakesEqualRoles);
            planned = abilities.PrintsParallelCalls ? planned : SplitCalls(planned);
            planned = abilities.NeedsNullContentBesideCalls ? EmptyContentToNull(planned) : planned;
        }

        if (!abilities.PrintsSystem)
        {
            planned = SystemIntoUser(planned);
        }
        else if (!abilities.PrintsLaterSystem)
        {
            planned = SystemInFront(planned);
        }

        return abilities is { TakesEqualRoles: true, TakesAssistantFirst: true } ? planned : Alternate(planned, abilities);
    }

    /// <summary>
    /// The same id for a call and its result, in every turn: the new id depends on nothing but the old one, or on the call's place.
    /// </summary>
    private static List<Dictionary<string, object?>> MapIds(List<Dictionary<string, object?>> messages, VllmCallIdShape shape)
    {
        if (shape == VllmCallIdShape.Any)
        {
            return messages;
        }

        var index = 0;
        var ids = new Dictionary<string, string>(StringComparer.Ordinal);
        var mapped = new List<Dictionary<string, object?>>(messages.Count);
        foreach (var message in messages)
        {
            if (HasCalls(message))
            {
                mapped.Add(With(message, "tool_calls", Calls(message).ConvertAll<object?>(call => With(call, "id", ids[Id(call)] = NewId(call)))));
            }
            else if (message.TryGetValue("tool_call_id", out var old) && old is string id)
            {
                mapped.Add(With(message, "tool_call_id", ids.GetValueOrDefault(id)
                    ?? (shape == VllmCallIdShape.NineLettersAndDigits ? Short(id) : id)));
            }
            else
            {
                mapped.Add(message);
            }
        }

        return mapped;

        string NewId(Dictionary<string, object?> call)
        {
            var place = index++;
            if (shape == VllmCallIdShape.NineLettersAndDigits)
            {
                return Short(Id(call));
            }

            var name = $"functions.{((Dictionary<string, object?>)call["function"]!)["name"]}:";
            return Id(call).StartsWith(name, StringComparison.Ordinal) ? Id(call) : name + place.ToString(CultureInfo.InvariantCulture);
        }
    }

    private static string Short(string id)
    {
        const int Length = 9;
        const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        return id.Length == Length && id.All(char.IsAsciiLetterOrDigit)
            ? id
            : string.Create(Length, SHA256.HashData(Encoding.UTF8.GetBytes(id)), static (text, hash) =>
            {
                for (var i = 0; i < text.Length; i++)
                {
                    text[i] = Alphabet[hash[i] % Alphabet.Length];
                }
            });
    }

    /// <summary>Calls that the template prints in no shape become JSON text of the message that made them.</summary>
    private static List<Dictionary<string, object?>> CallsIntoText(List<Dictionary<string, object?>> messages) =>
        messages.ConvertAll(static message =>
    {
        if (!HasCalls(message))
        {
            return message;
        }

        var text = With(message, "content",
            JoinContent(message["content"], string.Join('\n', Calls(message).Select(static call => PlainJson.Write(call["function"])))));
        text.Remove("tool_calls");
        return text;
    });

    /// <summary>
    /// Text beside calls becomes an assistant message in front of them. Where user and assistant must take turns, an empty user message stands
    /// between the two: such templates count the text, but not the calls, as the assistant's turn.
    /// </summary>
    private static List<Dictionary<string, object?>> SeparateText(List<Dictionary<string, object?>> messages, bool takesEqualRoles)
    {
        var separated = new List<Dictionary<string, object?>>(messages.Count + 1);
        foreach (var message in messages)
        {
            if (HasCalls(message) && !IsEmpty(message["content"]))
            {
                var text = new Dictionary<string, object?>(message, StringComparer.Ordinal);
                text.Remove("tool_calls");
                separated.Add(text);
                if (!takesEqualRoles)
                {
                    separated.Add(Empty("user", message["content"]));
                }

                var calls = With(message, "content", EmptyLike(message["content"]));
                calls.Remove("reasoning");
                calls.Remove("reasoning_content");
                calls.Remove("thinking");
                separated.Add(calls);
            }
            else
            {
                separated.Add(message);
            }
        }

        return separated;
    }

    /// <summary>One call a message, each followed by its results; results of no call stay behind them.</summary>
    private static List<Dictionary<string, object?>> SplitCalls(List<Dictionary<string, object?>> messages)
    {
        var split = new List<Dictionary<string, object?>>(messages.Count + 2);
        for (var i = 0; i < messages.Count; i++)
        {
            if (!HasCalls(messages[i]) || Calls(messages[i]).Count == 1)
            {
                split.Add(messages[i]);
                continue;
            }

            var message = messages[i];
            var results = messages.Skip(i + 1).TakeWhile(static next => Role(next) == "tool").ToList();
            i += results.Count;
            var isFirst = true;
            foreach (var call in Calls(message))
            {
                // What was said and thought beside the calls belongs to the first.
                var single = isFirst
                    ? With(message, "tool_calls", new List<object?> { call })
                    : new Dictionary<string, object?>(StringComparer.Ordinal)
                {
                    ["role"] = "assistant", ["content"] = EmptyLike(message["content"]), ["tool_calls"] = new List<object?> { call },
                };
                isFirst = false;
                split.Add(single);
                split.AddRange(results.Where(IsResult));
                results.RemoveAll(IsResult);

                bool IsResult(Dictionary<string, object?> result) => result.GetValueOrDefault("tool_call_id") as string == Id(call);
            }

            split.AddRange(results);
        }

        return split;
    }

    private static List<Dictionary<string, object?>> EmptyContentToNull(List<Dictionary<string, object?>> messages) =>
        messages.ConvertAll(static message => HasCalls(message) && IsEmpty(message["content"]) ? With(message, "content", null) : message);

    /// <summary>All system text as one message in front.</summary>
    private static List<Dictionary<string, object?>> SystemInFront(List<Dictionary<string, object?>> messages)
    {
        if (messages.FindLastIndex(static message => Role(message) == "system") <= 0)
        {
            return messages;
        }

        var others = messages.FindAll(static message => Role(message) != "system");
        others.Insert(0, messages.FindAll(static message => Role(message) == "system").Aggregate(Join));
        return others;
    }

    /// <summary>All system text in front of what the user says first; without a user it becomes a user message.</summary>
    private static List<Dictionary<string, object?>> SystemIntoUser(List<Dictionary<string, object?>> messages)
    {
        if (!messages.Exists(static message => Role(message) == "system"))
        {
            return messages;
        }

        var system = With(messages.FindAll(static message => Role(message) == "system").Aggregate(Join), "role", "user");
        var others = messages.FindAll(static message => Role(message) != "system");
        if (others.Count > 0 && Role(others[0]) == "user")
        {
            others[0] = Join(system, others[0]);
        }
        else
        {
            others.Insert(0, system);
        }

        return others;
    }

    /// <summary>User and assistant in turns, the user first.</summary>
    private static List<Dictionary<string, object?>> Alternate(List<Dictionary<string, object?>> messages, VllmTemplateAbilities abilities)
    {
        var turns = new List<Dictionary<string, object?>>(messages.Count);
        foreach (var message in messages)
        {
            var role = Role(message);
            if (role == "assistant" && !abilities.TakesAssistantFirst && turns.TrueForAll(static turn => Role(turn) == "system"))
            {
                turns.Add(Empty("user", message["content"]));
            }

            if (!abilities.TakesEqualRoles && turns.Count > 0 && role is "user" or "assistant" && role == Role(turns[^1])
                && !HasCalls(turns[^1]) && !HasCalls(message))
            {
                turns[^1] = Join(turns[^1], message);
            }
            else
            {
                turns.Add(message);
            }
        }

        return turns.SequenceEqual(messages) ? messages : turns;
    }

    private static string? Role(Dictionary<string, object?> message) => message["role"] as string;

    private static bool HasCalls(Dictionary<string, object?> message) => message.TryGetValue("tool_calls", out var calls)
        && calls is List<object?> { Count: > 0 };

    private static List<Dictionary<string, object?>> Calls(Dictionary<string, object?> message) =>
        ((List<object?>)message["tool_calls"]!).ConvertAll(static call => (Dictionary<string, object?>)call!);

    private static string Id(Dictionary<string, object?> call) => call["id"] as string ?? string.Empty;

    /// <summary>A message that says nothing, with content of the same kind as another's.</summary>
    private static Dictionary<string, object?> Empty(string role, object? content) =>
        new(StringComparer.Ordinal) { ["role"] = role, ["content"] = EmptyLike(content) };

    private static bool IsEmpty(object? content) => content is null or "" or ICollection { Count: 0 };

    private static object EmptyLike(object? content) => content is null or string ? string.Empty : new List<object?>();

    private static Dictionary<string, object?> With(Dictionary<string, object?> message, string key, object? value) =>
        new(message, StringComparer.Ordinal) { [key] = value };

    private static Dictionary<string, object?> Join(Dictionary<string, object?> first, Dictionary<string, object?> second)
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

    private static object? JoinContent(object? first, object? second)
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

    private static IEnumerable<object?> Parts(object content) => content is string text
        ? [new Dictionary<string, object?>(StringComparer.Ordinal) { ["type"] = "text", ["text"] = text }]
        : (IEnumerable<object?>)content;
}

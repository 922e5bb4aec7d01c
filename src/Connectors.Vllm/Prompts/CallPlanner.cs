using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using static Connectors.Vllm.TemplateMessage;

namespace Connectors.Vllm;

/// <summary>
/// Reshapes tool calls and their results for a template: ids of its shape, one call a message, text of its own, or all of it as text where the
/// template knows no tools.
/// </summary>
internal static class CallPlanner
{
    public static List<Dictionary<string, object?>> Plan(
        List<Dictionary<string, object?>> messages, VllmTemplateAbilities abilities, bool strict)
    {
        if (!messages.Exists(static message => HasCalls(message) || Role(message) == "tool"))
        {
            return messages;
        }

        var planned = abilities.PrintsCallIds ? messages : DistinctIds(messages);
        planned = strict ? GatherResults(planned) : planned;
        planned = abilities.PrintsToolResults ? planned : ResultsIntoText(planned, static _ => true);
        planned = abilities.PrintsToolCalls ? MapIds(planned, abilities.CallIds) : CallsIntoText(planned);
        planned = abilities.PrintsTextBesideCalls ? planned : SeparateText(planned, abilities);
        planned = abilities.PrintsParallelCalls ? planned : SplitCalls(planned);
        return abilities.NeedsNullContentBesideCalls ? EmptyContentToNull(planned) : planned;
    }

    /// <summary>
    /// Calls of different functions under one id (some providers leave ids empty) get ids of their own, in order, and so do their results: templates
    /// that look for a result's function by the id would print the wrong one. The new ids depend on what comes before alone: later turns keep them.
    /// Where ids are printed the order of results tells enough, and the caller's ids stay.
    /// </summary>
    private static List<Dictionary<string, object?>> DistinctIds(List<Dictionary<string, object?>> messages)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!messages.Exists(message => HasCalls(message) && Calls(message).Exists(call => !IsOfOneFunction(call))))
        {
            return messages;
        }

        var place = 0;
        var open = new Dictionary<string, Queue<string>>(StringComparer.Ordinal);
        return messages.ConvertAll(message =>
        {
            if (HasCalls(message))
            {
                Calls(message).ForEach(call => open[CallId(call)] = []);
                return With(message, "tool_calls", Calls(message).ConvertAll<object?>(call => With(call, "id", NewId(call))));
            }

            if (Role(message) != "tool" || !open.TryGetValue(ResultId(message), out var ids))
            {
                return message;
            }

            // Surplus results belong to the last call.
            return With(message, "tool_call_id", ids.Count > 1 ? ids.Dequeue() : ids.Peek());
        });

        bool IsOfOneFunction(Dictionary<string, object?> call) =>
            names.TryAdd(CallId(call), CallName(call)) || names[CallId(call)] == CallName(call);

        string NewId(Dictionary<string, object?> call)
        {
            var id = IsOfOneFunction(call) ? CallId(call) : string.Create(CultureInfo.InvariantCulture, $"{CallId(call)}_{place}");
            place++;
            open[CallId(call)].Enqueue(id);
            return id;
        }
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
                mapped.Add(With(message, "tool_calls",
                    Calls(message).ConvertAll<object?>(call => With(call, "id", ids[CallId(call)] = NewId(call)))));
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
                return Short(CallId(call));
            }

            var name = $"functions.{CallName(call)}:";
            return CallId(call).StartsWith(name, StringComparison.Ordinal) ? CallId(call) : name + place.ToString(CultureInfo.InvariantCulture);
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

    /// <summary>Calls that the template does not print in any shape become JSON text in their message.</summary>
    private static List<Dictionary<string, object?>> CallsIntoText(List<Dictionary<string, object?>> messages) =>
        messages.ConvertAll(static message =>
        {
            if (!HasCalls(message))
            {
                return message;
            }

            var calls = string.Join('\n', Calls(message).Select(static call => PlainJson.Write(call["function"])));
            return With(Without(message, "tool_calls"), "content",
                JoinContent(message["content"], Content(calls, message["content"] is List<object?>)));
        });

    /// <summary>Results that the template does not print become user messages with the function's name.</summary>
    private static List<Dictionary<string, object?>> ResultsIntoText(
        List<Dictionary<string, object?>> messages, Predicate<Dictionary<string, object?>> isMeant)
    {
        var asList = messages.Exists(static message => message["content"] is List<object?>);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        var said = new List<Dictionary<string, object?>>(messages.Count);
        foreach (var message in messages)
        {
            if (HasCalls(message))
            {
                Calls(message).ForEach(call => names[CallId(call)] = CallName(call));
            }

            said.Add(Role(message) == "tool" && isMeant(message) ? AsUser(message) : message);
        }

        return said;

        Dictionary<string, object?> AsUser(Dictionary<string, object?> result)
        {
            var name = names.GetValueOrDefault(ResultId(result));
            var heading = name is null ? "Result:" : $"Result of {name}:";
            var content = result["content"] is string text
                ? Content($"{heading}\n{text}", asList)
                : JoinContent(Content(heading, asList: true), result["content"]);
            return new(StringComparer.Ordinal) { ["role"] = "user", ["content"] = content };
        }
    }

    /// <summary>Moves every result after the message with its call; results without a call become user messages.</summary>
    private static List<Dictionary<string, object?>> GatherResults(List<Dictionary<string, object?>> messages)
    {
        // The round of the latest call by id, because an id may be reused in a later round.
        var orphans = new HashSet<Dictionary<string, object?>>(ReferenceEqualityComparer.Instance);
        var open = new Dictionary<string, List<Dictionary<string, object?>>>(StringComparer.Ordinal);
        var gathered = new List<List<Dictionary<string, object?>>>(messages.Count);
        foreach (var message in messages)
        {
            if (Role(message) == "tool")
            {
                var id = ResultId(message);
                if (open.TryGetValue(id, out var round))
                {
                    round.Add(message);
                    continue;
                }

                orphans.Add(message);
            }

            List<Dictionary<string, object?>> group = [message];
            gathered.Add(group);
            if (HasCalls(message))
            {
                Calls(message).ForEach(call => open[CallId(call)] = group);
            }
        }

        List<Dictionary<string, object?>> planned = [.. gathered.SelectMany(static group => group)];
        return orphans.Count > 0 ? ResultsIntoText(planned, orphans.Contains) : planned;
    }

    /// <summary>
    /// Text beside calls becomes an assistant message in front of them. Where user and assistant must take turns, an empty user message stands
    /// between the two: such templates count the text, but not the calls, as the assistant's turn.
    /// </summary>
    private static List<Dictionary<string, object?>> SeparateText(List<Dictionary<string, object?>> messages, VllmTemplateAbilities abilities)
    {
        var separated = new List<Dictionary<string, object?>>(messages.Count + 1);
        foreach (var message in messages)
        {
            if (!HasCalls(message) || IsEmpty(message["content"]))
            {
                separated.Add(message);
                continue;
            }

            // Reasoning stays with the calls if the template prints it there, because the model continues from it.
            ReadOnlySpan<string> reasoningKeys = ["reasoning", "reasoning_content", "thinking"];
            var text = Without(message, "tool_calls");
            var calls = With(message, "content", EmptyLike(message["content"]));
            separated.Add(abilities.PrintsReasoning ? Without(text, reasoningKeys) : text);
            if (!abilities.TakesEqualRoles)
            {
                separated.Add(Empty("user", message["content"] is List<object?>));
            }

            separated.Add(abilities.PrintsReasoning ? calls : Without(calls, reasoningKeys));
        }

        return separated;
    }

    /// <summary>One call per message, each followed by its results; results without a call stay after them.</summary>
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
            var results = new List<Dictionary<string, object?>>();
            while (i + 1 < messages.Count && Role(messages[i + 1]) == "tool")
            {
                results.Add(messages[++i]);
            }

            AddSingly(split, message, results);
        }

        return split;
    }

    private static void AddSingly(
        List<Dictionary<string, object?>> split, Dictionary<string, object?> message, List<Dictionary<string, object?>> results)
    {
        var calls = Calls(message);
        var left = calls.CountBy(CallId, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        var waiting = results.GroupBy(ResultId, StringComparer.Ordinal)
            .ToDictionary(static group => group.Key, static group => new Queue<Dictionary<string, object?>>(group), StringComparer.Ordinal);
        for (var i = 0; i < calls.Count; i++)
        {
            // Text and reasoning beside the calls belong to the first call.
            List<object?> single = [calls[i]];
            split.Add(i == 0 ? With(message, "tool_calls", single) : new(StringComparer.Ordinal)
            {
                ["role"] = "assistant", ["content"] = EmptyLike(message["content"]), ["tool_calls"] = single,
            });

            // Some applications use the same id for several calls of a message: each then gets one result, in order, and the last one the rest.
            var id = CallId(calls[i]);
            var isLast = --left[id] == 0;
            if (waiting.TryGetValue(id, out var own))
            {
                for (var take = isLast ? own.Count : Math.Min(1, own.Count); take > 0; take--)
                {
                    split.Add(own.Dequeue());
                }
            }
        }

        split.AddRange(results.Where(result => !left.ContainsKey(ResultId(result))));
    }

    private static List<Dictionary<string, object?>> EmptyContentToNull(List<Dictionary<string, object?>> messages) =>
        messages.ConvertAll(static message => HasCalls(message) && IsEmpty(message["content"]) ? With(message, "content", null) : message);
}

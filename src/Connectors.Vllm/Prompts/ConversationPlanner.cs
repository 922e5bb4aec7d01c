using static Connectors.Vllm.TemplateMessage;

namespace Connectors.Vllm;

/// <summary>
/// Reshapes a conversation for what its template can print, so that nothing of it is lost: calls and results by <see cref="CallPlanner"/>, then the
/// order of roles. The given messages and their content are not changed; a conversation that fits is returned unchanged.
/// </summary>
internal static class ConversationPlanner
{
    /// <summary>Reshapes everything except the order of roles: calls, their results, and system text for templates that do not print it.</summary>
    /// <param name="messages">The messages in the form that templates read.</param>
    /// <param name="abilities">What the template can print.</param>
    /// <param name="strict">
    /// Whether also what templates seldom mind is mended: results far from their calls or without any, empty messages, texts in parts.
    /// </param>
    /// <returns>The messages to render; unchanged ones are the given instances.</returns>
    public static List<Dictionary<string, object?>> Plan(
        List<Dictionary<string, object?>> messages, VllmTemplateAbilities abilities, bool strict = false)
    {
        var planned = CallPlanner.Plan(strict ? Plain(messages) : messages, abilities, strict);
        return abilities.PrintsSystem ? planned : SystemIntoUser(planned);
    }

    /// <summary>Moves system text to the beginning and makes user and assistant alternate, if the template requires it.</summary>
    /// <param name="messages">The messages of <see cref="Plan"/>.</param>
    /// <param name="abilities">What the template can print.</param>
    /// <returns>The messages to render; the same list if nothing is changed.</returns>
    public static List<Dictionary<string, object?>> Order(List<Dictionary<string, object?>> messages, VllmTemplateAbilities abilities)
    {
        var ordered = abilities.PrintsLaterSystem || !abilities.PrintsSystem ? messages : SystemInFront(messages);
        return abilities is { TakesEqualRoles: true, TakesAssistantFirst: true } ? ordered : Alternate(ordered, abilities);
    }

    /// <summary>
    /// Removes empty messages, and joins texts to one part if contents are lists, because some templates print only the first part.
    /// </summary>
    private static List<Dictionary<string, object?>> Plain(List<Dictionary<string, object?>> messages)
    {
        var asList = messages.Exists(static message => message["content"] is List<object?>);
        var plain = messages.ConvertAll(message => Role(message) == "tool" ? message
            : asList && message["content"] is string text ? With(message, "content", Content(text, asList))
            : TextOf(message["content"]) is { } joined ? With(message, "content", Content(joined, asList))
            : message);
        return plain.TrueForAll(SaysNothing) ? plain : plain.FindAll(static message => !SaysNothing(message));
    }

    /// <summary>Gets the text of several parts; null if some are not text.</summary>
    private static string? TextOf(object? content) => content is List<object?> { Count: > 1 } parts
        && parts.ConvertAll(static part => (part as Dictionary<string, object?>)?.GetValueOrDefault("text") as string) is var texts
        && !texts.Contains(null) ? string.Join('\n', texts) : null;

    private static bool SaysNothing(Dictionary<string, object?> message) =>
        Role(message) == "assistant" && !HasCalls(message) && IsEmpty(message["content"]);

    /// <summary>Merges all system text into one message at the beginning.</summary>
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

    /// <summary>Puts all system text before the first user message; without one, it becomes a user message.</summary>
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

    /// <summary>
    /// User and assistant in turns, the user first. Templates that check this count neither calls nor results: between two turns of one role that
    /// stand apart, an empty message of the other stands in.
    /// </summary>
    private static List<Dictionary<string, object?>> Alternate(List<Dictionary<string, object?>> messages, VllmTemplateAbilities abilities)
    {
        var asList = messages.Exists(static message => message["content"] is List<object?>);
        var turns = new List<Dictionary<string, object?>>(messages.Count);
        var last = -1;
        foreach (var message in messages)
        {
            var role = Role(message);
            if (role == "assistant" && !abilities.TakesAssistantFirst && turns.TrueForAll(static turn => Role(turn) == "system"))
            {
                last = turns.Count;
                turns.Add(Empty("user", asList));
            }

            if (role is not ("user" or "assistant") || HasCalls(message))
            {
                turns.Add(message);
                continue;
            }

            if (!abilities.TakesEqualRoles && last >= 0 && Role(turns[last]) == role)
            {
                if (last == turns.Count - 1)
                {
                    turns[last] = Join(turns[last], message);
                    continue;
                }

                // The assistant has called in between: for a user's turn it has answered, for its own it was asked before it called.
                turns.Insert(role == "user" ? turns.Count : last + 1, Empty(role == "user" ? "assistant" : "user", asList));
            }

            last = turns.Count;
            turns.Add(message);
        }

        return turns.SequenceEqual(messages) ? messages : turns;
    }
}

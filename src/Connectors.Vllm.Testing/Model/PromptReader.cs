using System.Text.Json;
using System.Text.RegularExpressions;

namespace Connectors.Vllm.Testing.Model;

/// <summary>
/// Reads a rendered prompt: ChatML, Llama 3 and similar turn markers, tools between &lt;tools&gt; tags, results between &lt;tool_response&gt; tags.
/// </summary>
internal static partial class PromptReader
{
    private const int MaxUserText = 240;

    public static PromptFacts Read(string prompt)
    {
        var turns = TurnStart().Matches(prompt);
        var isChat = turns.Count > 0;
        var tail = isChat ? prompt[(turns[^1].Index + turns[^1].Length)..] : prompt[Math.Max(0, prompt.Length - MaxUserText)..];
        var user = "";
        string? result = null;
        for (var i = 0; i < turns.Count; i++)
        {
            var start = turns[i].Index + turns[i].Length;
            var end = i + 1 < turns.Count ? turns[i + 1].Index : prompt.Length;
            var content = TurnEnd().Replace(prompt[start..end], "");
            var role = turns[i].Groups["role"].Value;
            if (role is "user" && !content.Contains("<tool_response>", StringComparison.Ordinal))
            {
                (user, result) = (content, null);
            }
            else if (role is "tool" or "ipython" or "user")
            {
                result = ResultTag().Match(content) is { Success: true } match ? match.Groups["result"].Value : content;
            }
        }

        return new PromptFacts(
            Shorten(isChat ? user : tail, MaxUserText),
            Tools(prompt),
            result is null ? null : Shorten(result, 2 * MaxUserText),
            isChat && turns[^1].Groups["role"].Value is "assistant" or "model",
            Think(tail));
    }

    private static ThinkState Think(string tail)
    {
        var open = tail.LastIndexOf("<think>", StringComparison.Ordinal);
        var close = tail.LastIndexOf("</think>", StringComparison.Ordinal);
        return close > open ? ThinkState.Closed : open >= 0 ? ThinkState.Open : ThinkState.Absent;
    }

    private static List<JsonElement> Tools(string prompt)
    {
        var tools = new List<JsonElement>();
        var start = prompt.IndexOf("<tools>\n", StringComparison.Ordinal);
        var end = start < 0 ? -1 : prompt.IndexOf("</tools>", start, StringComparison.Ordinal);
        if (end < 0)
        {
            return tools;
        }

        foreach (var line in prompt[(start + 8)..end].Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            try
            {
                using var document = JsonDocument.Parse(line);
                var tool = document.RootElement.Clone();
                tools.Add(tool.ValueKind == JsonValueKind.Object && tool.TryGetProperty("function", out var function) ? function : tool);
            }
            catch (JsonException)
            {
                // The tools are listed in another format, which the model does not support; it answers with text.
                return [];
            }
        }

        return tools;
    }

    private static string Shorten(string text, int limit)
    {
        var collapsed = Spaces().Replace(text, " ").Trim();
        if (collapsed.Length <= limit)
        {
            return collapsed;
        }

        var cut = collapsed.LastIndexOf(' ', limit) is var space and > 0 ? space : limit;
        return collapsed[..(char.IsHighSurrogate(collapsed[cut - 1]) ? cut - 1 : cut)] + " …";
    }

    [GeneratedRegex(
        @"<\|im_start\|>(?<role>\w+)\n|<\|start_header_id\|>(?<role>\w+)<\|end_header_id\|>\n\n|<start_of_turn>(?<role>\w+)\n",
        RegexOptions.CultureInvariant)]
    private static partial Regex TurnStart();

    [GeneratedRegex(@"<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<end_of_turn>|<\|endoftext\|>", RegexOptions.CultureInvariant)]
    private static partial Regex TurnEnd();

    [GeneratedRegex(@"<tool_response>\s*(?<result>.*?)\s*</tool_response>", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex ResultTag();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Spaces();
}

/// <summary>The parts of a prompt that the demonstration model uses.</summary>
/// <param name="UserText">
/// The last user message (or the tail of a prompt without chat markers), whitespace collapsed, at most a few hundred characters.
/// </param>
/// <param name="Tools">The available functions, as JSON objects with name, description and parameters.</param>
/// <param name="ToolResult">The result of a tool call after the last user message, or null.</param>
/// <param name="IsChat">True when the prompt ends where an assistant's turn begins.</param>
/// <param name="Think">State of the think block at the prompt's end.</param>
internal sealed record PromptFacts(string UserText, IReadOnlyList<JsonElement> Tools, string? ToolResult, bool IsChat, ThinkState Think);

/// <summary>State of the think block at the prompt's end.</summary>
internal enum ThinkState
{
    /// <summary>The end of the prompt contains none.</summary>
    Absent,

    /// <summary>The prompt ends inside one.</summary>
    Open,

    /// <summary>The prompt ends after a closed one.</summary>
    Closed,
}

/// <summary>Selects the tool whose name and description have the most words in common with the question; none if there are no common words.</summary>
internal static partial class ToolChoice
{
    private const int PrefixLength = 5;

    private static readonly HashSet<string> Fillers = new(StringComparer.Ordinal)
    {
        "the", "and", "for", "you", "your", "with", "what", "whats", "from", "this", "that", "please", "can", "could", "would", "tell", "get", "give",
        "show", "returns", "return", "gets", "are", "how", "who", "when", "where", "which", "will", "has", "have", "name", "about", "any", "its",
        "was", "not", "use",
        "into", "current",
    };

    public static JsonElement? Find(PromptFacts facts)
    {
        if (facts.ToolResult is not null || facts.Tools.Count == 0)
        {
            return null;
        }

        var asked = Words(facts.UserText);
        JsonElement? best = null;
        var bestScore = 0;
        foreach (var tool in facts.Tools)
        {
            var description = tool.TryGetProperty("description", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : "";
            var score = (2 * Shared(asked, Words(Name(tool)))) + Shared(asked, Words(description));
            if (score > bestScore)
            {
                (best, bestScore) = (tool, score);
            }
        }

        return best;
    }

    public static string Name(JsonElement tool) =>
        tool.ValueKind == JsonValueKind.Object && tool.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String
            ? name.GetString()!
            : "";

    private static int Shared(HashSet<string> left, HashSet<string> right) => left.Count(word => right.Any(other => Alike(word, other)));

    private static bool Alike(string left, string right) =>
        left == right || (left.Length >= PrefixLength && right.Length >= PrefixLength
            && left.AsSpan(0, PrefixLength).SequenceEqual(right.AsSpan(0, PrefixLength)));

    private static HashSet<string> Words(string text) =>
        [.. Word().Matches(text).Select(match => match.Value.ToLowerInvariant()).Where(word => word.Length >= 3 && !Fillers.Contains(word))];

    // Words of prose, and the parts of names such as get_weather and getWeather.
    [GeneratedRegex(@"\p{Lu}?\p{Ll}+|\p{Lu}+(?!\p{Ll})|\p{Lo}+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}

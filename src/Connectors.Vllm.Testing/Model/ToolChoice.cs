using System.Text.Json;
using System.Text.RegularExpressions;

namespace Connectors.Vllm.Testing.Model;

/// <summary>Picks the tool whose name or description shares the most words with the question; none when no word is shared.</summary>
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

    public static JsonElement? Fitting(PromptFacts facts)
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

using System.Text.Json;
using System.Text.RegularExpressions;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

/// <summary>An opener, closer or anchor: a literal, or a pattern in linear time.</summary>
internal sealed class TemplateMarker
{
    private const int MaxPattern = 4096;

    private TemplateMarker(string literal, Regex? pattern, bool spaceFirst)
    {
        Literal = literal;
        Pattern = pattern;
        SpaceFirst = spaceFirst;
    }

    /// <summary>The text; of a pattern its first literal characters (empty when it begins with something else).</summary>
    public string Literal { get; }

    /// <summary>The pattern; null for a literal.</summary>
    public Regex? Pattern { get; }

    /// <summary>True when space may stand before the literal beginning of the pattern.</summary>
    public bool SpaceFirst { get; }

    /// <summary>Reads <c>key</c> (text or list of texts) or <c>key_pattern</c>.</summary>
    public static IReadOnlyList<TemplateMarker> ReadAll(JsonElement owner, string key)
    {
        var markers = new List<TemplateMarker>();
        if (owner.TryGetProperty(key, out var texts))
        {
            foreach (var text in texts.ValueKind == JsonValueKind.Array ? texts.EnumerateArray().ToArray() : [texts])
            {
                if (text.ValueKind != JsonValueKind.String || text.GetString() is not { Length: > 0 } literal)
                {
                    throw TemplateDefinition.Bad($"'{key}' is no text");
                }

                markers.Add(new TemplateMarker(literal, null, false));
            }
        }

        if (owner.TryGetProperty(key + "_pattern", out var patterns))
        {
            foreach (var pattern in patterns.ValueKind == JsonValueKind.Array ? patterns.EnumerateArray().ToArray() : [patterns])
            {
                if (pattern.ValueKind != JsonValueKind.String)
                {
                    throw TemplateDefinition.Bad($"'{key}_pattern' is no text");
                }

                markers.Add(FromPattern(pattern.GetString()!));
            }
        }

        return markers;
    }

    /// <summary>A regular expression of Python as one of .NET that never backtracks.</summary>
    public static Regex Compile(string pattern)
    {
        if (pattern.Length > MaxPattern)
        {
            throw TemplateDefinition.Bad($"a pattern is longer than {MaxPattern} characters");
        }

        try
        {
            return new Regex(pattern.Replace("(?P<", "(?<", StringComparison.Ordinal), RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.CultureInvariant);
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw new OutputFormatException($"The response_template's pattern '{pattern}' cannot be used: {exception.Message} Name a tool parser in the options instead.", exception);
        }
    }

    private static TemplateMarker FromPattern(string pattern)
    {
        var compiled = Compile(pattern);
        var spaceFirst = pattern.StartsWith(@"\s*", StringComparison.Ordinal);
        var literal = new System.Text.StringBuilder();
        for (var i = spaceFirst ? 3 : 0; i < pattern.Length; i++)
        {
            var c = pattern[i];
            if (c == '\\' && i + 1 < pattern.Length && !char.IsLetterOrDigit(pattern[i + 1]))
            {
                c = pattern[++i];
            }
            else if ("\\^$.|?*+()[]{}".Contains(c, StringComparison.Ordinal))
            {
                break;
            }

            // A character that a quantifier makes optional is no certain part of the beginning.
            if (i + 1 < pattern.Length && pattern[i + 1] is '?' or '*' or '{')
            {
                break;
            }

            literal.Append(c);
        }

        return new TemplateMarker(pattern.Contains('|', StringComparison.Ordinal) && !pattern.Contains('(', StringComparison.Ordinal) ? "" : literal.ToString(), compiled, spaceFirst);
    }
}

using System.Text.Json;
using System.Text.RegularExpressions;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

/// <summary>An opener, closer or anchor: a literal, or a pattern in linear time.</summary>
internal sealed class TemplateMarker
{
    private const int MaxPattern = 4096;

    // How far a pattern reaches after its literal beginning, and the space before it: what is longer is not a marker.
    private const int Reach = 512;

    private readonly bool _spaceFirst;
    private readonly bool _mayGrow;

    private TemplateMarker(string literal, Regex? pattern, bool spaceFirst = false, bool mayGrow = false)
    {
        Literal = literal;
        Pattern = pattern;
        (_spaceFirst, _mayGrow) = (spaceFirst, mayGrow);
    }

    /// <summary>The text; of a pattern its first literal characters (empty when it begins with something else).</summary>
    public string Literal { get; }

    /// <summary>The pattern; null for a literal.</summary>
    public Regex? Pattern { get; }

    /// <summary>
    /// The first occurrence at or after a position; -1 when there is none yet. <paramref name="hold"/> is where one may still begin with
    /// characters to come. What is found depends on the text alone, not on how much of it has arrived.
    /// </summary>
    public int Find(ReadOnlySpan<char> text, int from, bool final, out int length, out int hold)
    {
        (length, hold) = (Literal.Length, text.Length);
        if (Literal.Length == 0)
        {
            // The beginning of the pattern is unknown, so the whole output is needed.
            hold = final ? hold : from;
            return final ? First(text, from, text.Length, out length) : -1;
        }

        for (var search = from; ; search++)
        {
            var next = text[search..].IndexOf(Literal, StringComparison.Ordinal);
            if (next < 0)
            {
                hold = final ? hold : BeforeSpace(text, from, text.Length - Begun(text[search..]));
                return -1;
            }

            search += next;
            if (Pattern is null)
            {
                return search;
            }

            var start = BeforeSpace(text, from, search);
            var end = Math.Min(text.Length, search + Reach);
            var isDecided = final || end < text.Length;
            var at = First(text, start, end, out length);
            if (at >= 0 && at <= search && (isDecided || (!_mayGrow && at + length < end)))
            {
                return at;
            }

            if (!isDecided)
            {
                hold = start;
                return -1;
            }
        }
    }

    /// <summary>Whether a text is part of the marker.</summary>
    public bool Mentions(string text) =>
        Literal.Contains(text, StringComparison.Ordinal) || Pattern?.ToString().Contains(text, StringComparison.Ordinal) == true;

    /// <summary>Position after the last occurrence of any of the markers; -1 when there is none.</summary>
    public static int EndOfLast(IReadOnlyList<TemplateMarker> markers, string text)
    {
        var last = -1;
        foreach (var marker in markers)
        {
            if (marker.Pattern is null)
            {
                var at = text.LastIndexOf(marker.Literal, StringComparison.Ordinal);
                last = at < 0 ? last : Math.Max(last, at + marker.Literal.Length);
                continue;
            }

            foreach (var match in marker.Pattern.EnumerateMatches(text))
            {
                last = Math.Max(last, match.Index + match.Length);
            }
        }

        return last;
    }

    private int First(ReadOnlySpan<char> text, int start, int end, out int length)
    {
        foreach (var match in Pattern!.EnumerateMatches(text[start..end]))
        {
            if (match.Length > 0)
            {
                length = match.Length;
                return start + match.Index;
            }
        }

        length = 0;
        return -1;
    }

    private int BeforeSpace(ReadOnlySpan<char> text, int from, int at)
    {
        var position = at;
        while (_spaceFirst && position > from && at - position < Reach && char.IsWhiteSpace(text[position - 1]))
        {
            position--;
        }

        return position;
    }

    /// <summary>Number of last characters that are the beginning of the literal.</summary>
    private int Begun(ReadOnlySpan<char> text)
    {
        var length = Math.Min(Literal.Length - 1, text.Length);
        while (length > 0 && !text.EndsWith(Literal.AsSpan(0, length), StringComparison.Ordinal))
        {
            length--;
        }

        return length;
    }

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

                markers.Add(new TemplateMarker(literal, null));
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
            const RegexOptions Options = RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.CultureInvariant;
            return new Regex(pattern.Replace("(?P<", "(?<", StringComparison.Ordinal), Options);
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw new OutputFormatException(
                $"The response_template's pattern '{pattern}' cannot be used: {exception.Message} Set a tool parser in the options instead.",
                exception);
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

            // A character that a quantifier makes optional is not a certain part of the beginning.
            if (i + 1 < pattern.Length && pattern[i + 1] is '?' or '*' or '{')
            {
                break;
            }

            literal.Append(c);
        }

        // Of alternatives nothing is known, and a greedy dot takes what is still to come.
        var isAlternative = pattern.Contains('|', StringComparison.Ordinal) && !pattern.Contains('(', StringComparison.Ordinal);
        var mayGrow = Regex.IsMatch(pattern, @"\.[*+](?!\?)", RegexOptions.None, TimeSpan.FromSeconds(1));
        return new TemplateMarker(isAlternative ? "" : literal.ToString(), compiled, spaceFirst, mayGrow);
    }
}

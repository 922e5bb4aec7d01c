using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.OutputParsing.Schemas;

/// <summary>
/// Reads the JSON that models write, and writes JSON as models read it best: nothing escaped that need not be. The one place that decides what still
/// counts as JSON: half of a surrogate pair becomes U+FFFD, a repeated key keeps its last value, and what is nested too deeply is none.
/// </summary>
internal static class JsonText
{
    /// <summary>How deeply arguments may nest; what System.Text.Json reads again without being asked for more.</summary>
    public const int MaxDepth = 64;

    // A call's object and the list around it come on top.
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxDepth + 4 };

    // With what begins an escape of one.
    private static readonly SearchValues<char> Surrogates =
        SearchValues.Create([.. Enumerable.Range(0xd800, 0x800).Select(unit => (char)unit), '\\']);

    /// <summary>Parses JSON text; null when it is none.</summary>
    public static JsonDocument? Parse(ReadOnlySpan<char> text) => TryParse(WellFormed(text));

    /// <summary>
    /// The same for a call's JSON, where line breaks and tabs may stand in strings as they are: there is only one thing they can mean.
    /// </summary>
    public static JsonDocument? ParseCall(ReadOnlySpan<char> text)
    {
        var json = WellFormed(text);
        return TryParse(json) ?? (json.AsSpan().ContainsAny('\n', '\r', '\t') ? TryParse(EscapeInStrings(json)) : null);
    }

    /// <summary>JSON text of a value that is JSON itself; null when it is none.</summary>
    public static string? Canonical(ReadOnlySpan<char> text)
    {
        using var document = Parse(text);
        return document?.RootElement.GetRawText();
    }

    /// <summary>A node of the element; of members with one name the last counts.</summary>
    public static JsonNode? ToNode(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var map = new JsonObject();
                foreach (var member in element.EnumerateObject())
                {
                    map[member.Name] = ToNode(member.Value);
                }

                return map;
            case JsonValueKind.Array:
                return new JsonArray([.. element.EnumerateArray().Select(ToNode)]);
            case JsonValueKind.Null:
                return null;
            default:
                return JsonValue.Create(element.Clone());
        }
    }

    /// <summary>True when brackets nest deeper than <see cref="MaxDepth"/>.</summary>
    public static bool IsTooDeep(ReadOnlySpan<char> json)
    {
        var (depth, inString) = (0, false);
        for (var i = 0; i < json.Length; i++)
        {
            switch (json[i])
            {
                case '\\' when inString:
                    i++;
                    break;
                case '"':
                    inString = !inString;
                    break;
                case '{' or '[' when !inString:
                    if (++depth > MaxDepth)
                    {
                        return true;
                    }

                    break;
                case '}' or ']' when !inString:
                    depth--;
                    break;
            }
        }

        return false;
    }

    /// <summary>The text with U+FFFD for every half of a surrogate pair, written as it is or escaped.</summary>
    public static string WellFormed(ReadOnlySpan<char> text)
    {
        if (text.IndexOfAnyInRange('\ud800', '\udfff') < 0 && text.IndexOf("\\ud", StringComparison.OrdinalIgnoreCase) < 0)
        {
            return text.ToString();
        }

        var builder = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length;)
        {
            var plain = text[i..].IndexOfAny(Surrogates);
            if (plain != 0)
            {
                plain = plain < 0 ? text.Length - i : plain;
                builder.Append(text.Slice(i, plain));
                i += plain;
                continue;
            }

            var length = Unit(text[i..], out var unit);
            if (length > 0 && char.IsHighSurrogate(unit) && Unit(text[(i + length)..], out var low) is > 0 and var more && char.IsLowSurrogate(low))
            {
                builder.Append(text.Slice(i, length + more));
                i += length + more;
            }
            else if (length > 0 && char.IsSurrogate(unit))
            {
                builder.Append('\ufffd');
                i += length;
            }
            else
            {
                // An escaped backslash begins no other escape.
                length = length > 0 ? length : text[i..] is ['\\', '\\', ..] ? 2 : 1;
                builder.Append(text.Slice(i, length));
                i += length;
            }
        }

        return builder.ToString();
    }

    /// <summary>A JSON string of the text.</summary>
    public static string Quote(ReadOnlySpan<char> text)
    {
        var builder = new StringBuilder(text.Length + 2);
        AppendString(builder, text);
        return builder.ToString();
    }

    /// <summary>Appends a JSON string of the text.</summary>
    public static void AppendString(StringBuilder builder, ReadOnlySpan<char> text) =>
        JsonEscape.AppendString(builder, text, replacesLoneSurrogates: true);

    /// <summary>Length of the UTF-16 unit that a surrogate or a <c>\uXXXX</c> escape stands for; 0 for anything else.</summary>
    private static int Unit(ReadOnlySpan<char> text, out char unit)
    {
        unit = text.IsEmpty ? '\0' : text[0];
        if (char.IsSurrogate(unit))
        {
            return 1;
        }

        if (text.Length >= 6 && text[0] == '\\' && text[1] == 'u'
            && ushort.TryParse(text.Slice(2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
        {
            unit = (char)code;
            return 6;
        }

        return 0;
    }

    private static string EscapeInStrings(string json)
    {
        var builder = new StringBuilder(json.Length + 16);
        var inString = false;
        for (var i = 0; i < json.Length; i++)
        {
            var c = json[i];
            if (inString && c is ('\n' or '\r' or '\t'))
            {
                builder.Append(JsonEscape.Of(c));
                continue;
            }

            builder.Append(c);
            if (inString && c == '\\' && i + 1 < json.Length)
            {
                builder.Append(json[++i]);
            }
            else if (c == '"')
            {
                inString = !inString;
            }
        }

        return builder.ToString();
    }

    private static JsonDocument? TryParse(string json)
    {
        try
        {
            return JsonDocument.Parse(json, Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>Puts the arguments object together, in the order the keys first came; a repeated key keeps its last value.</summary>
internal sealed class ArgumentsWriter
{
    private readonly List<(string Key, string Json)> _members = [];
    private Dictionary<string, int>? _index;

    /// <summary>Number of members.</summary>
    public int Count => _members.Count;

    /// <summary>True when the key is there already.</summary>
    public bool Contains(string key) => _index?.ContainsKey(key) == true;

    /// <summary>True when a member was set more than once.</summary>
    public bool Repeats { get; private set; }

    /// <summary>Sets a member to JSON text.</summary>
    public void Set(string key, string json)
    {
        _index ??= new(StringComparer.Ordinal);
        if (_index.TryGetValue(key, out var at))
        {
            _members[at] = (key, json);
            Repeats = true;
            return;
        }

        _index.Add(key, _members.Count);
        _members.Add((key, json));
    }

    /// <summary>The only member, when there is just one.</summary>
    public (string Key, string Json)? Single => _members.Count == 1 ? _members[0] : null;

    /// <summary>JSON text of the object.</summary>
    public string ToJson()
    {
        if (_members.Count == 0)
        {
            return "{}";
        }

        var builder = new StringBuilder("{");
        foreach (var (key, json) in _members)
        {
            if (builder.Length > 1)
            {
                builder.Append(", ");
            }

            JsonText.AppendString(builder, key);
            builder.Append(": ").Append(json);
        }

        return builder.Append('}').ToString();
    }
}

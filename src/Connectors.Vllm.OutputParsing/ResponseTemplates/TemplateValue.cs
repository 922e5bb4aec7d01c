using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

/// <summary>The content parsers and transforms of response templates. Null where the text does not parse.</summary>
internal static class TemplateValue
{
    /// <summary>
    /// Parses a region's text; tags are looked for in <paramref name="shape"/> where there is one, which hides calls that values quote.
    /// </summary>
    public static JsonNode? Parse(string parser, JsonElement? arguments, string text, int depth = 0, string? shape = null)
    {
        if (depth > 8)
        {
            return null;
        }

        var trimmed = text.Trim();
        return parser switch
        {
            "text" => JsonValue.Create(Flag(arguments, "strip", true) ? trimmed : text),
            "int" => long.TryParse(trimmed, CultureInfo.InvariantCulture, out var whole) ? JsonValue.Create(whole) : null,
            "float" => ValueCoercer.IsNumber(trimmed) ? JsonNode.Parse(trimmed) : null,
            "bool" when trimmed.Equals("true", StringComparison.OrdinalIgnoreCase) || trimmed is "1" => JsonValue.Create(true),
            "bool" when trimmed.Equals("false", StringComparison.OrdinalIgnoreCase) || trimmed is "0" => JsonValue.Create(false),
            "json" => Json(text, arguments),
            "xml-inline" => Xml(text, shape ?? text, arguments, depth),
            "kv-lines" => Lines(text, arguments, depth),
            _ => null,
        };
    }

    /// <summary>Fills a transform's skeleton: a string that is exactly <c>{name}</c> becomes the value of that path.</summary>
    public static JsonNode? Fill(JsonElement skeleton, JsonObject scope, int depth = 0)
    {
        if (depth > 32)
        {
            return null;
        }

        switch (skeleton.ValueKind)
        {
            case JsonValueKind.Object:
                var map = new JsonObject();
                foreach (var member in skeleton.EnumerateObject())
                {
                    map[member.Name] = Fill(member.Value, scope, depth + 1);
                }

                return map;
            case JsonValueKind.Array:
                return new JsonArray([.. skeleton.EnumerateArray().Select(item => Fill(item, scope, depth + 1))]);
            case JsonValueKind.String when skeleton.GetString() is ['{', _, .., '}'] reference:
                JsonNode? at = scope;
                foreach (var part in reference[1..^1].Split('.'))
                {
                    at = (at as JsonObject)?[part];
                }

                return at?.DeepClone();
            default:
                return JsonNode.Parse(skeleton.GetRawText());
        }
    }

    /// <summary>What strings stand between, apart from quotes.</summary>
    public static IReadOnlyList<(string Open, string Close)> Delimiters(JsonElement? arguments)
    {
        var delimiters = new List<(string Open, string Close)>();
        if (Argument(arguments, "string_delims") is { ValueKind: JsonValueKind.Array } pairs)
        {
            foreach (var pair in pairs.EnumerateArray())
            {
                if (pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2 && pair[0].GetString() is { Length: > 0 } open)
                {
                    delimiters.Add((open, pair[1].GetString() is { Length: > 0 } close ? close : open));
                }
            }
        }

        return delimiters;
    }

    private static JsonNode? Json(string text, JsonElement? arguments)
    {
        var delimiters = Delimiters(arguments);
        var json = delimiters.Count > 0 || Flag(arguments, "unquoted_keys", false) ? LenientJson.ToJson(text, delimiters) : text;
        using var document = JsonText.ParseCall(json);
        return document is not null ? JsonText.ToNode(document.RootElement)
            : Flag(arguments, "allow_non_json", false) ? JsonValue.Create(text)
            : null;
    }

    private static JsonObject? Xml(string text, string shape, JsonElement? arguments, int depth)
    {
        if (Argument(arguments, "tag_pattern") is not { ValueKind: JsonValueKind.String } pattern)
        {
            return null;
        }

        var map = new JsonObject();
        foreach (var match in TemplateMarker.Compile(pattern.GetString()!).Matches(shape).Cast<Match>())
        {
            var (key, group) = (match.Groups["key"].Value.Trim(), match.Groups["value"]);
            var value = text.Substring(group.Index, group.Length);
            Add(map, key, Inner(arguments, value, depth) ?? JsonValue.Create(value), Flag(arguments, "merge_duplicates", false));
        }

        return map;
    }

    private static JsonObject Lines(string text, JsonElement? arguments, int depth)
    {
        var lineSeparator = Argument(arguments, "line_sep")?.GetString() is { Length: > 0 } line ? line : "\n";
        var separator = Argument(arguments, "kv_sep")?.GetString() is { Length: > 0 } pair ? pair : ":";
        var map = new JsonObject();
        foreach (var part in text.Split(lineSeparator))
        {
            var at = part.IndexOf(separator, StringComparison.Ordinal);
            if (at > 0)
            {
                var value = part[(at + separator.Length)..];
                Add(map, part[..at].Trim(), Inner(arguments, value, depth) ?? JsonValue.Create(value.Trim()), merge: false);
            }
        }

        return map;
    }

    private static void Add(JsonObject map, string key, JsonNode? value, bool merge)
    {
        if (merge && map.ContainsKey(key))
        {
            if (map[key] is JsonArray list)
            {
                list.Add(value);
                return;
            }

            map[key] = new JsonArray(map[key]?.DeepClone(), value);
            return;
        }

        map[key] = value;
    }

    /// <summary>A value as its own parser reads it; null where it names none, or cannot read it.</summary>
    private static JsonNode? Inner(JsonElement? arguments, string text, int depth)
    {
        var parser = Argument(arguments, "value_parser");
        var name = parser is { ValueKind: JsonValueKind.String } plain ? plain.GetString() : Argument(parser, "name")?.GetString();
        return name is null ? null : Parse(name, Argument(parser, "args"), text, depth + 1);
    }

    private static JsonElement? Argument(JsonElement? owner, string name) =>
        owner is { ValueKind: JsonValueKind.Object } map && map.TryGetProperty(name, out var value) ? value : null;

    private static bool Flag(JsonElement? owner, string name, bool otherwise) => Argument(owner, name)?.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => otherwise,
    };
}

/// <summary>JSON with keys without quotes and strings between other delimiters, made into JSON.</summary>
internal static class LenientJson
{
    /// <summary>JSON text; still to be parsed, for it may be none.</summary>
    public static string ToJson(ReadOnlySpan<char> text, IReadOnlyList<(string Open, string Close)> delimiters)
    {
        var json = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length;)
        {
            if (TakeString(text, ref i, delimiters, json))
            {
                continue;
            }

            var c = text[i];
            if (char.IsLetter(c) || c is '_' or '$')
            {
                var start = i;
                while (i < text.Length && (char.IsLetterOrDigit(text[i]) || text[i] is '_' or '-' or '$' or '.'))
                {
                    i++;
                }

                var word = text[start..i];
                var isKey = text[i..].TrimStart() is [':', ..];
                if (!isKey && word is "true" or "false" or "null")
                {
                    json.Append(word);
                }
                else
                {
                    JsonText.AppendString(json, word);
                }

                continue;
            }

            json.Append(c);
            i++;
        }

        return json.ToString();
    }

    private static bool TakeString(ReadOnlySpan<char> text, ref int i, IReadOnlyList<(string Open, string Close)> delimiters, StringBuilder json)
    {
        foreach (var (open, close) in delimiters)
        {
            if (open.Length > 0 && text[i..].StartsWith(open, StringComparison.Ordinal))
            {
                var start = i + open.Length;
                var length = text[start..].IndexOf(close, StringComparison.Ordinal);
                if (length >= 0)
                {
                    JsonText.AppendString(json, text.Slice(start, length));
                    i = start + length + close.Length;
                    return true;
                }
            }
        }

        if (text[i] != '"')
        {
            return false;
        }

        var end = i + 1;
        while (end < text.Length && text[end] != '"')
        {
            end += text[end] == '\\' ? 2 : 1;
        }

        end = Math.Min(end + 1, text.Length);
        json.Append(text[i..end]);
        i = end;
        return true;
    }
}

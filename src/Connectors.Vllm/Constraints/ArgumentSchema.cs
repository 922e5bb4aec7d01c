using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Connectors.Vllm.OutputParsing;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// One place in a tool's JSON schema, as the tags see it. Formats whose arguments are JSON send the whole schema; the others spell it out in
/// elements, place by place. What cannot be spelled out (unions of objects, references other than to definitions) is left to any value.
/// </summary>
internal readonly struct ArgumentSchema
{
    private static readonly JsonElement Empty = JsonDocument.Parse("""{"type":"object","properties":{}}""").RootElement;
    private static readonly string[] Definitions = ["$defs", "definitions"];

    // Where none of these says more about an object's members, a tool takes its declared parameters and no others.
    private static readonly string[] OpenEnded =
        ["additionalProperties", "unevaluatedProperties", "patternProperties", "$ref", "allOf", "anyOf", "oneOf", "not", "if"];
    private readonly JsonElement? _schema;
    private readonly JsonElement _root;
    private readonly bool _isWhole;

    private ArgumentSchema(JsonElement? schema, JsonElement root, bool isWhole = false)
    {
        _root = root;
        _schema = schema is { ValueKind: JsonValueKind.Object } at ? Follow(at, root) : null;
        _isWhole = isWhole && !root.TryGetProperty("$ref", out _);
    }

    /// <summary>Any value.</summary>
    public static ArgumentSchema Any => default;

    /// <summary>True when nothing is known: any value will do.</summary>
    public bool IsAny => _schema is null;

    /// <summary>The types a value may have.</summary>
    public ValueTypes Types => new SchemaNode(_schema, _root).Types;

    /// <summary>The values that a value must be one of; null where there are none.</summary>
    public IReadOnlyList<JsonElement>? Values => _schema is not { } schema ? null
        : schema.TryGetProperty("enum", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0
            ? [.. list.EnumerateArray()]
        : schema.TryGetProperty("const", out var only) ? [only] : null;

    /// <summary>The strings a value may be, where it must be one of some; else null.</summary>
    public IReadOnlyList<string>? Texts => Values is { } values && values.All(value => value.ValueKind == JsonValueKind.String)
        ? [.. values.Select(value => value.GetString()!)]
        : null;

    /// <summary>The regular expression a string must match as a whole; null when there is none, or none that grammar compilers read.</summary>
    public string? Pattern => _schema is { } schema && schema.TryGetProperty("pattern", out var pattern) && pattern.ValueKind == JsonValueKind.String
        ? SchemaPattern.Whole(pattern.GetString()!)
        : null;

    /// <summary>The declared properties of an object, in order; null when anything may stand in it.</summary>
    public IReadOnlyList<(string Name, ArgumentSchema Value, bool IsRequired)>? Properties
    {
        get
        {
            if (_schema is not { } schema)
            {
                return null;
            }

            if (!schema.TryGetProperty("properties", out var properties) || properties.ValueKind != JsonValueKind.Object)
            {
                return schema.TryGetProperty("additionalProperties", out var more) && more.ValueKind == JsonValueKind.False ? [] : null;
            }

            var required = schema.TryGetProperty("required", out var names) && names.ValueKind == JsonValueKind.Array
                ? names.EnumerateArray().Where(name => name.ValueKind == JsonValueKind.String).Select(name => name.GetString()!)
                    .ToHashSet(StringComparer.Ordinal)
                : [];
            var root = _root;
            return [.. properties.EnumerateObject()
                .Select(property => (property.Name, new ArgumentSchema(property.Value, root), required.Contains(property.Name)))];
        }
    }

    /// <summary>What members may be that are not declared; null where there must be none.</summary>
    public ArgumentSchema? Others => _schema is not { } schema ? Any
        : schema.TryGetProperty("additionalProperties", out var more) ? more.ValueKind switch
        {
            JsonValueKind.False => null,
            JsonValueKind.Object => new ArgumentSchema(more, _root),
            _ => Any,
        }
        : schema.TryGetProperty("properties", out var declared) && !schema.TryGetProperty("patternProperties", out _)
            && DeclaresRequired(schema, declared) ? null : Any;

    /// <summary>The schema of an array's items; any where it says nothing.</summary>
    public ArgumentSchema Items => _schema is { } schema && schema.TryGetProperty("items", out var items) ? new ArgumentSchema(items, _root) : Any;

    /// <summary>The arguments of a tool; an object without properties for a tool without a schema.</summary>
    public static ArgumentSchema Of(OutputTool tool)
    {
        var root = tool.Parameters is { ValueKind: JsonValueKind.Object } schema && schema.EnumerateObject().Any() ? schema : Empty;
        return new ArgumentSchema(root, root, isWhole: true);
    }

    /// <summary>This place as a schema of its own, with the definitions it may refer to; <c>true</c> for any value.</summary>
    public JsonNode ToNode()
    {
        if (_schema is not { } schema)
        {
            return JsonValue.Create(true);
        }

        var node = (JsonObject)JsonText.ToNode(schema)!;
        ToolSchemaText.Standardize(node);
        if (_isWhole)
        {
            if (schema.TryGetProperty("properties", out var declared) && !Array.Exists(OpenEnded, node.ContainsKey)
                && DeclaresRequired(schema, declared))
            {
                node["additionalProperties"] = false;
            }

            return node;
        }

        var references = References(schema).ToList();
        if (references.Exists(reference => !Array.Exists(Definitions, keyword => reference.StartsWith($"#/{keyword}/", StringComparison.Ordinal))))
        {
            // It refers to a place that only the whole schema has.
            return JsonValue.Create(true);
        }

        foreach (var keyword in references.Count > 0 ? Definitions : [])
        {
            if (!node.ContainsKey(keyword) && _root.TryGetProperty(keyword, out var definitions) && definitions.ValueKind == JsonValueKind.Object)
            {
                var copy = (JsonObject)JsonText.ToNode(definitions)!;
                foreach (var definition in copy.Select(member => member.Value))
                {
                    ToolSchemaText.Standardize(definition);
                }

                node[keyword] = copy;
            }
        }

        return node;
    }

    private static bool DeclaresRequired(JsonElement schema, JsonElement declared) => declared.ValueKind == JsonValueKind.Object
        && (!schema.TryGetProperty("required", out var required) || required.ValueKind != JsonValueKind.Array
            || required.EnumerateArray().All(name => name.ValueKind == JsonValueKind.String && declared.TryGetProperty(name.GetString()!, out _)));

    private static IEnumerable<string> References(JsonElement at) => at.ValueKind switch
    {
        JsonValueKind.Object => at.EnumerateObject().SelectMany(member => member.NameEquals("$ref") && member.Value.ValueKind == JsonValueKind.String
            ? [member.Value.GetString()!]
            : References(member.Value)),
        JsonValueKind.Array => at.EnumerateArray().SelectMany(References),
        _ => [],
    };

    /// <summary>The schema behind references to definitions.</summary>
    private static JsonElement Follow(JsonElement at, JsonElement root)
    {
        for (var i = 0; i < 16 && at.TryGetProperty("$ref", out var reference) && reference.ValueKind == JsonValueKind.String; i++)
        {
            var path = reference.GetString()!.Split('/');
            if (path is not ["#", var keyword, var name] || !root.TryGetProperty(keyword, out var definitions)
                || definitions.ValueKind != JsonValueKind.Object
                || !definitions.TryGetProperty(SchemaNode.Unescape(name), out var found) || found.ValueKind != JsonValueKind.Object)
            {
                break;
            }

            at = found;
        }

        return at;
    }
}

/// <summary>The patterns of JSON schemas, which match anywhere in a string, as expressions that match all of it.</summary>
internal static partial class SchemaPattern
{
    private const string AnyText = "(.|\\n)*";

    /// <summary>
    /// Null for patterns with parts that grammar compilers do not read (look-around, word boundaries, back references, anchors in the middle).
    /// </summary>
    public static string? Whole(string pattern)
    {
        var fromStart = pattern.StartsWith('^');
        var toEnd = pattern.EndsWith('$') && (pattern.Length - pattern[..^1].TrimEnd('\\').Length) % 2 == 1;
        var body = pattern[(fromStart ? 1 : 0)..(toEnd && pattern.Length > (fromStart ? 1 : 0) ? ^1 : ^0)];

        if (body.Length == 0 || Unportable().IsMatch(body) || !IsRead(pattern, body, out var hasAlternatives))
        {
            return null;
        }

        // An anchor before or after an alternative belongs to that alternative only.
        return (fromStart || toEnd) && hasAlternatives ? null : $"{(fromStart ? "" : AnyText)}{Group(body)}{(toEnd ? "" : AnyText)}";
    }

    /// <summary>
    /// Whether a pattern matches nothing but plain characters: no quotes, backslashes, line breaks, angle or square brackets. Then it cannot match
    /// what ends a raw value, which a lexer that reads the longest match would otherwise read as a part of the value.
    /// </summary>
    public static bool IsPlain(string pattern) => Plain().IsMatch(pattern);

    /// <summary>
    /// Whether a pattern is a valid one that means the same everywhere: compilers have operators and classes in classes of characters, and none of
    /// them has anchors in the middle. Also tells whether it has alternatives outside of groups.
    /// </summary>
    private static bool IsRead(string pattern, string body, out bool hasAlternatives)
    {
        hasAlternatives = false;
        try
        {
            _ = new Regex(body);
        }
        catch (ArgumentException)
        {
            return false;
        }

        var (inClass, depth) = (false, 0);
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];
            var isOperator = c == '[' || (c is '&' or '~' or '-' && i + 1 < pattern.Length && pattern[i + 1] == c);
            if (inClass ? isOperator : (c == '^' && i > 0) || (c == '$' && i + 1 < pattern.Length))
            {
                return false;
            }

            depth += inClass ? 0 : c == '(' ? 1 : c == ')' ? -1 : 0;
            hasAlternatives |= !inClass && depth == 0 && c == '|';
            inClass = c == '[' || (inClass && c != ']');
            if (c == '[' && i + 1 < pattern.Length && pattern[i + 1] == '^')
            {
                i++;
            }

            i += c == '\\' ? 1 : 0;
        }

        return true;
    }

    private static string Group(string body) => body.Contains('|', StringComparison.Ordinal) ? $"({body})" : body;

    [GeneratedRegex(
        @"^([a-zA-Z0-9_ :;,@#%&=/-]|\\[dw./+$-]"
        + @"|\[([a-zA-Z0-9_:;,@.+*/%#=?&!$(){}|~]|[a-zA-Z0-9]-[a-zA-Z0-9]|\\[dw./+$-]| (?!-))+-?\]|[*+?(){}|])*$")]
    private static partial Regex Plain();

    [GeneratedRegex(@"\\[bBAzZGkc1-9pP]|\(\?(?!:)")]
    private static partial Regex Unportable();
}

internal static class ValueTypeNames
{
    private static readonly (ValueTypes Type, string Name)[] Names =
    [
        (ValueTypes.Null, "null"), (ValueTypes.Whole, "integer"), (ValueTypes.Number, "number"), (ValueTypes.Truth, "boolean"),
        (ValueTypes.Map, "object"),
        (ValueTypes.List, "array"), (ValueTypes.Text, "string"),
    ];

    /// <summary>JSON schema's names of the types.</summary>
    public static JsonArray ToNames(this ValueTypes types) =>
        new([.. Names.Where(pair => types.HasFlag(pair.Type)).Select(pair => (JsonNode)pair.Name)]);
}

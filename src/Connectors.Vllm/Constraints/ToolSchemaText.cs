using System.Text.Json;
using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.Constraints;

/// <summary>
/// Makes the schemas of tools such that the grammar compilers take them. Tools come from everywhere, and a request must not fail because of a keyword
/// of one of them: what a compiler does not know is left out, which allows more than the schema does. Schemas that a caller gives for the answer stay
/// as they are.
/// </summary>
internal static class ToolSchemaText
{
    // Keywords that llguidance refuses.
    private static readonly string[] RefusedByGuidance =
    [
        "not", "if", "then", "else", "uniqueItems", "contains", "minContains", "maxContains", "propertyNames", "dependencies", "dependentRequired",
            "dependentSchemas",
        "unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef",
    ];

    private static readonly string[] FormatsOfGuidance = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid",
        "uri"];

    // What is no bound to a 64-bit integer is one that compilers cannot count to.
    private const double MaxBound = 1L << 53;

    // xgrammar takes the patterns for whole names, and refuses the members they are meant for.
    private static readonly string[] MisreadByXGrammar = ["patternProperties"];
    private static readonly string[] Maps = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
    private static readonly string[] Lists = ["anyOf", "oneOf", "allOf", "prefixItems", "items"];
    private static readonly string[] Places = ["items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else",
        "unevaluatedItems", "unevaluatedProperties"];

    /// <summary>Replaces other names of types with those of JSON schema, and <c>nullable</c> with a type.</summary>
    public static void Standardize(JsonNode? schema) => Walk(schema, static node =>
    {
        if (node["type"] is { } type && !IsStandard(type))
        {
            node.Remove("type");
            var names = TypeNames(type);
            if (names.Count > 0)
            {
                node["type"] = names.Count == 1 ? names[0]!.DeepClone() : names;
            }
        }

        if (node["nullable"] is JsonValue nullable && nullable.GetValueKind() == JsonValueKind.True && node["type"] is JsonValue { } only
            && only.TryGetValue<string>(out var name) && name != "null")
        {
            node["type"] = new JsonArray(name, "null");
            if (node["enum"] is JsonArray values && !values.Any(value => value is null))
            {
                values.Add((JsonNode?)null);
            }
        }

        if (node["items"] is JsonArray places && !node.ContainsKey("prefixItems"))
        {
            // The tuples of earlier drafts.
            node.Remove("items");
            node["prefixItems"] = places;
            if (node["additionalItems"] is { } more && node.Remove("additionalItems"))
            {
                node["items"] = more;
            }
        }

        DeclareRequired(node);
        StandardizeBounds(node);
        foreach (var keyword in (ReadOnlySpan<string>)["enum", "anyOf", "oneOf", "allOf"])
        {
            if (node.ContainsKey(keyword) && node[keyword] is not JsonArray { Count: > 0 })
            {
                node.Remove(keyword);
            }
        }

        if (Reference(node)?.StartsWith('#') == false)
        {
            // Compilers do not fetch schemas.
            node.Remove("$ref");
        }

        if (node["pattern"] is JsonValue pattern && pattern.TryGetValue<string>(out var regex) && SchemaPattern.Whole(regex) is null)
        {
            node.Remove("pattern");
        }
    });

    /// <summary>Bounds as numbers that compilers read: exclusive ones were flags once, those of integers are integers.</summary>
    private static void StandardizeBounds(JsonObject node)
    {
        var isInteger = node["type"] is JsonValue type && type.TryGetValue<string>(out var name) && name == "integer";
        foreach (var (inclusive, exclusive) in (ReadOnlySpan<(string, string)>)[("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")])
        {
            if (node[exclusive]?.GetValueKind() == JsonValueKind.True && node[inclusive] is { } limit)
            {
                node.Remove(inclusive);
                node[exclusive] = limit;
            }

            foreach (var keyword in (ReadOnlySpan<string>)[inclusive, exclusive])
            {
                if (node[keyword] is not JsonValue value || !value.TryGetValue<double>(out var bound) || Math.Abs(bound) > MaxBound)
                {
                    node.Remove(keyword);
                }
                else if (isInteger && bound != Math.Floor(bound))
                {
                    node[keyword] = inclusive == "minimum" == (keyword == inclusive) ? Math.Ceiling(bound) : Math.Floor(bound);
                }
            }
        }
    }

    /// <summary>
    /// Declares the properties that an object requires without declaring them: compilers take what is declared for all there is, and nothing would
    /// fit.
    /// </summary>
    private static void DeclareRequired(JsonObject node)
    {
        var others = node["additionalProperties"];
        var isObject = node["properties"] is JsonObject
            || (!node.ContainsKey("properties") && node["type"] is JsonValue type && type.TryGetValue<string>(out var name) && name == "object");
        if (!isObject || node["required"] is not JsonArray required || others?.GetValueKind() == JsonValueKind.False)
        {
            return;
        }

        foreach (var text in required.Select(item => item is JsonValue value && value.TryGetValue<string>(out var text) ? text : null)
            .OfType<string>())
        {
            var declared = node["properties"] as JsonObject;
            if (declared?.ContainsKey(text) != true)
            {
                node["properties"] = declared ??= [];
                declared[text] = others is JsonObject ? others.DeepClone() : new JsonObject();
                node["additionalProperties"] ??= true;
            }
        }
    }

    /// <summary>The schema as llguidance takes it.</summary>
    public static JsonNode ForGuidance(JsonNode schema) => Without(schema, static node =>
    {
        Remove(node, RefusedByGuidance);
        if (node["format"] is JsonValue format && !(format.TryGetValue<string>(out var name)
            && FormatsOfGuidance.Contains(name, StringComparer.Ordinal)))
        {
            node.Remove("format");
        }

        if (Reference(node) is { } path)
        {
            // It accepts only references that are URIs.
            node["$ref"] = string.Join('/', path.Split('/').Select(part =>
                part.All(c => char.IsAsciiLetterOrDigit(c) || "#$-_.~%".Contains(c)) ? part : Uri.EscapeDataString(Uri.UnescapeDataString(part))));
        }

        if (node["oneOf"] is JsonArray alternatives && !node.ContainsKey("anyOf"))
        {
            // Of alternatives that overlap it says that it cannot tell them apart.
            node.Remove("oneOf");
            node["anyOf"] = alternatives;
        }
    });

    /// <summary>The schema as xgrammar takes it.</summary>
    public static JsonNode ForXGrammar(JsonNode schema) => Without(schema, static node =>
    {
        if (Remove(node, MisreadByXGrammar) && node["additionalProperties"] is JsonValue { } more && more.GetValueKind() == JsonValueKind.False)
        {
            node.Remove("additionalProperties");
        }

        if (node["pattern"] is JsonValue pattern && pattern.TryGetValue<string>(out var regex) && SchemaPattern.Whole(regex) is { } whole)
        {
            // It takes a pattern for the whole string.
            node["pattern"] = whole;
        }

        // It reads a reference letter by letter.
        if (Reference(node) is { } path && path.Contains('~'))
        {
            node.Remove("$ref");
        }
        else if (Reference(node) is { } escaped && escaped.Contains('%'))
        {
            node["$ref"] = Uri.UnescapeDataString(escaped);
        }
    });

    private static string? Reference(JsonObject node) => node["$ref"] is JsonValue value && value.TryGetValue<string>(out var path) ? path : null;

    private static JsonNode Without(JsonNode schema, Action<JsonObject> change)
    {
        var copy = schema.DeepClone();
        Walk(copy, change);
        return copy;
    }

    private static bool Remove(JsonObject node, string[] keywords)
    {
        var any = false;
        foreach (var keyword in keywords)
        {
            any |= node.Remove(keyword);
        }

        return any;
    }

    private static bool IsStandard(JsonNode type) => (type as JsonArray ?? [type.DeepClone()]).All(name =>
        name is JsonValue value && value.TryGetValue<string>(out var text)
            && text is "null" or "boolean" or "integer" or "number" or "string" or "array" or "object");

    private static JsonArray TypeNames(JsonNode type)
    {
        using var document = JsonDocument.Parse(new JsonObject { ["type"] = type.DeepClone() }.ToJsonString());
        return new SchemaNode(document.RootElement, null).Types.ToNames();
    }

    private static void Walk(JsonNode? schema, Action<JsonObject> change)
    {
        if (schema is not JsonObject node)
        {
            return;
        }

        change(node);
        foreach (var keyword in Maps)
        {
            foreach (var (_, member) in node[keyword] as JsonObject ?? [])
            {
                Walk(member, change);
            }
        }

        foreach (var keyword in Lists)
        {
            foreach (var member in node[keyword] as JsonArray ?? [])
            {
                Walk(member, change);
            }
        }

        foreach (var keyword in Places)
        {
            Walk(node[keyword], change);
        }
    }
}

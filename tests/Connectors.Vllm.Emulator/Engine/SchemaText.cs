using System.Text.Json;
using System.Text.RegularExpressions;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>Finds simple mistakes in schemas, patterns and grammars.</summary>
internal static class SchemaText
{
    private static readonly HashSet<string> Types =
        new(StringComparer.Ordinal) { "object", "array", "string", "number", "integer", "boolean", "null" };

    /// <summary>Gets the problem with a JSON schema, or null.</summary>
    public static string? ProblemOf(string schema)
    {
        try
        {
            using var document = JsonDocument.Parse(schema);
            return document.RootElement.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False
                ? TypeProblem(document.RootElement)
                : "schema must be an object or a boolean";
        }
        catch (JsonException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>Gets the problem with JSON text, or null.</summary>
    public static string? JsonProblem(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return null;
        }
        catch (JsonException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>Gets the problem with a regular expression, or null.</summary>
    public static string? RegexProblem(string pattern)
    {
        try
        {
            _ = new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            return null;
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            return pattern.LastIndexOf('[') is var open and >= 0 && pattern.IndexOf(']', open) < 0
                ? $"regex parse error:\n    {pattern}\n    {new string(' ', open)}^\nerror: unclosed character class\n"
                    + $"   1 | start: /{pattern}/\n              ^\n"
                : $"regex parse error: {exception.Message}";
        }
    }

    /// <summary>Whether a grammar defines a rule.</summary>
    public static bool LooksLikeGrammar(string grammar)
    {
        foreach (var line in grammar.Split('\n'))
        {
            var mark = line.IndexOf("::=", StringComparison.Ordinal);
            var body = mark >= 0 ? line[(mark + 3)..] : line.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0 ? line[(colon + 1)..] : "";
            if (body.AsSpan().Trim().Length > 0)
            {
                return true;
            }
        }

        return false;
    }

    private static string? TypeProblem(JsonElement schema)
    {
        if (schema.ValueKind == JsonValueKind.Array)
        {
            return schema.EnumerateArray().Select(TypeProblem).FirstOrDefault(problem => problem is not null);
        }

        if (schema.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (schema.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && !Types.Contains(type.GetString()!))
        {
            return $"Invalid type: {type.GetString()}";
        }

        foreach (var property in schema.EnumerateObject())
        {
            var problem = property.Name switch
            {
                "properties" or "$defs" or "definitions" when property.Value.ValueKind == JsonValueKind.Object =>
                    property.Value.EnumerateObject().Select(child => TypeProblem(child.Value)).FirstOrDefault(found => found is not null),
                "items" or "anyOf" or "oneOf" or "allOf" or "additionalProperties" => TypeProblem(property.Value),
                _ => null,
            };
            if (problem is not null)
            {
                return problem;
            }
        }

        return null;
    }
}

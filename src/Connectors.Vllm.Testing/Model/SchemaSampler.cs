using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Connectors.Vllm.Testing.Model;

/// <summary>
/// Generates a JSON value that a schema allows, with unconstrained strings and numbers taken from the user's text. Bounded in depth and length.
/// </summary>
internal sealed partial class SchemaSampler(string userText)
{
    private const int MaxDepth = 12;
    private const int MaxItems = 8;
    private readonly Queue<string> _numbers = new(Number().Matches(userText).Select(match => match.Value));
    private readonly Queue<string> _names = new(ProperName().Matches(userText).Select(match => match.Value));

    public string Sample(string schema)
    {
        using var document = JsonDocument.Parse(schema);
        return Sample(document.RootElement);
    }

    public string Sample(JsonElement schema)
    {
        var text = new StringBuilder();
        Write(text, schema, schema, "", 0);
        return text.ToString();
    }

    private void Write(StringBuilder text, JsonElement schema, JsonElement root, string name, int depth)
    {
        if (depth > MaxDepth || schema.ValueKind != JsonValueKind.Object)
        {
            text.Append(depth > MaxDepth ? "null" : "{}");
            return;
        }

        if (schema.TryGetProperty("const", out var constant) || schema.TryGetProperty("default", out constant))
        {
            text.Append(constant.GetRawText());
        }
        else if (schema.TryGetProperty("enum", out var values) && values.ValueKind == JsonValueKind.Array && values.GetArrayLength() > 0)
        {
            text.Append(Pick(values).GetRawText());
        }
        else if (schema.TryGetProperty("$ref", out var reference) && Resolve(root, reference) is { } target)
        {
            Write(text, target, root, name, depth + 1);
        }
        else if (FirstOf(schema) is { } branch)
        {
            Write(text, branch, root, name, depth + 1);
        }
        else
        {
            WriteType(text, schema, root, name, depth);
        }
    }

    private void WriteType(StringBuilder text, JsonElement schema, JsonElement root, string name, int depth)
    {
        switch (TypeOf(schema))
        {
            case "object":
                WriteObject(text, schema, root, depth);
                break;
            case "array":
                WriteArray(text, schema, root, name, depth);
                break;
            case "integer":
            case "number":
                text.Append(NumberFor(schema));
                break;
            case "boolean":
                text.Append("true");
                break;
            case "null":
                text.Append("null");
                break;
            default:
                text.Append(JsonText.Quote(StringFor(schema, name)));
                break;
        }
    }

    private void WriteObject(StringBuilder text, JsonElement schema, JsonElement root, int depth)
    {
        text.Append('{');
        var required = schema.TryGetProperty("required", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select(item => item.GetString()).ToHashSet()
            : null;
        var first = true;
        if (schema.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in properties.EnumerateObject().Where(property => required is null || required.Contains(property.Name)))
            {
                text.Append(first ? "" : ", ").Append(JsonText.Quote(property.Name)).Append(": ");
                first = false;
                Write(text, property.Value, root, property.Name, depth + 1);
            }
        }

        text.Append('}');
    }

    private void WriteArray(StringBuilder text, JsonElement schema, JsonElement root, string name, int depth)
    {
        var count = Math.Clamp(Integer(schema, "minItems") ?? 1, 1, MaxItems);
        text.Append('[');
        for (var i = 0; i < count; i++)
        {
            text.Append(i == 0 ? "" : ", ");
            if (schema.TryGetProperty("items", out var items) && items.ValueKind == JsonValueKind.Object)
            {
                Write(text, items, root, name, depth + 1);
            }
            else
            {
                text.Append(JsonText.Quote(userText));
            }
        }

        text.Append(']');
    }

    private string NumberFor(JsonElement schema)
    {
        var minimum = Integer(schema, "minimum");
        var maximum = Integer(schema, "maximum");
        var asked = _numbers.TryDequeue(out var number) ? number : (minimum ?? 1).ToString(CultureInfo.InvariantCulture);
        var value = double.Parse(asked, CultureInfo.InvariantCulture);
        var fits = (minimum is null || value >= minimum) && (maximum is null || value <= maximum)
            && (TypeOf(schema) == "number" || value == Math.Floor(value));
        return fits ? asked : (minimum ?? maximum ?? 1).ToString(CultureInfo.InvariantCulture);
    }

    private string StringFor(JsonElement schema, string name)
    {
        if (schema.TryGetProperty("pattern", out var pattern) && pattern.ValueKind == JsonValueKind.String)
        {
            return RegexSampler.Sample(pattern.GetString()!);
        }

        var format = schema.TryGetProperty("format", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        var text = format switch
        {
            "date" => "2026-01-31",
            "date-time" => "2026-01-31T12:00:00Z",
            "time" => "12:00:00Z",
            "email" => "somebody@example.com",
            "uri" => "https://example.com/",
            "uuid" => "00000000-0000-4000-8000-000000000000",
            _ => LooksLikePlace(name) && _names.TryDequeue(out var place) ? place : userText.Length > 0 ? userText : "text",
        };
        var longest = Integer(schema, "maxLength") ?? int.MaxValue;
        var shortest = Integer(schema, "minLength") ?? 0;
        text = text.Length > longest ? text[..longest] : text;
        return text.Length < shortest ? text.PadRight(Math.Min(shortest, 1000), 'x') : text;
    }

    private JsonElement Pick(JsonElement values)
    {
        var mentioned = values.EnumerateArray()
            .FirstOrDefault(value => value.ValueKind == JsonValueKind.String
                && userText.Contains(value.GetString()!, StringComparison.OrdinalIgnoreCase));
        return mentioned.ValueKind == JsonValueKind.Undefined ? values[0] : mentioned;
    }

    private static bool LooksLikePlace(string name) =>
        PlaceName().IsMatch(name);

    private static string TypeOf(JsonElement schema)
    {
        if (schema.TryGetProperty("type", out var type))
        {
            var first = type.ValueKind == JsonValueKind.Array && type.GetArrayLength() > 0 ? type[0] : type;
            return first.ValueKind == JsonValueKind.String ? first.GetString()! : "string";
        }

        return schema.TryGetProperty("properties", out _) ? "object" : schema.TryGetProperty("items", out _) ? "array" : "string";
    }

    private static JsonElement? FirstOf(JsonElement schema)
    {
        foreach (var name in (ReadOnlySpan<string>)["anyOf", "oneOf", "allOf"])
        {
            if (schema.TryGetProperty(name, out var branches) && branches.ValueKind == JsonValueKind.Array && branches.GetArrayLength() > 0)
            {
                return branches[0];
            }
        }

        return null;
    }

    private static JsonElement? Resolve(JsonElement root, JsonElement reference)
    {
        if (reference.ValueKind != JsonValueKind.String || !reference.GetString()!.StartsWith('#'))
        {
            return null;
        }

        var place = root;
        foreach (var step in reference.GetString()![1..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (place.ValueKind != JsonValueKind.Object || !place.TryGetProperty(step, out place))
            {
                return null;
            }
        }

        return place;
    }

    private static int? Integer(JsonElement schema, string name) =>
        schema.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null;

    [GeneratedRegex(@"-?\b\d{1,9}(?:\.\d{1,6})?\b", RegexOptions.CultureInvariant)]
    private static partial Regex Number();

    // A capitalised word that does not begin the sentence, or the one that follows "in", "of", "at" or "for".
    [GeneratedRegex(@"(?<=\S\s)(?<!^\S{0,20}[.!?]\s)\p{Lu}[\p{L}\-]+(?:\s\p{Lu}[\p{L}\-]+)*", RegexOptions.CultureInvariant)]
    private static partial Regex ProperName();

    [GeneratedRegex(@"city|place|location|town|country|person|name|where", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex PlaceName();
}

/// <summary>Writes JSON strings as models do, without escaping non-ASCII characters.</summary>
internal static class JsonText
{
    public static string Quote(string text) => "\"" + JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping) + "\"";
}

using System.Text;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// Tool declarations as the TypeScript-like text that gpt-oss was trained on, character for character as openai-harmony writes it
/// (https://github.com/openai/harmony), including its oddities: an object's description stands inside its braces as well as before the
/// property, union types of array items have no parentheses, and only the first line of a multi-line description is a comment.
/// </summary>
internal static class HarmonyTypes
{
    /// <summary>The declaration of one tool: its description as comment lines, then its type.</summary>
    public static string Declaration(PromptTool tool)
    {
        var text = new StringBuilder();
        if (tool.Description is { Length: > 0 } description)
        {
            AppendDescription(text, description);
        }

        text.Append("type ").Append(tool.Name).Append(" = ");
        return tool.Parameters is { } parameters
            ? text.Append("(_: ").Append(Type(parameters, "")).Append(") => any;").ToString()
            : text.Append("() => any;").ToString();
    }

    /// <summary>Comment lines; a line ends with LF or CR LF, and a CR at the very end is text.</summary>
    private static void AppendDescription(StringBuilder text, string description)
    {
        var lines = description.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var isLast = i == lines.Length - 1;
            if (!isLast || lines[i].Length > 0)
            {
                text.Append("// ").Append(!isLast && lines[i].EndsWith('\r') ? lines[i][..^1] : lines[i]).Append('\n');
            }
        }
    }

    private static string Type(PromptValue schema, string indent)
    {
        if (schema["oneOf"] is { IsArray: true } variants)
        {
            return string.Concat(variants.Items.Select(variant =>
                $"\n{indent} | {Variant(variant, indent, String(variant, "description"), quotesEnums: true)}"));
        }

        var type = schema["type"];
        if (type is { IsArray: true })
        {
            var names = type.Items.Where(item => item.IsString).Select(item => item.Text == "integer" ? "number" : item.Text).ToList();
            return names.Count == 0 ? "any" : string.Join(" | ", names);
        }

        switch (type?.StringOrNull)
        {
            case "object":
                return Object(schema, indent);
            case "string":
                var values = schema["enum"] is { IsArray: true } options ? options.Items.Where(item => item.IsString).ToList() : [];
                return values.Count == 0 ? "string" : string.Join(" | ", values.Select(value => $"\"{value.Text}\""));
            case "number" or "integer":
                return "number";
            case "boolean":
                return "boolean";
            case "array":
                return schema["items"] is { } items ? Type(items, indent) + "[]" : "Array<any>";
            default:
                return "any";
        }
    }

    private static string Object(PromptValue schema, string indent)
    {
        var text = new StringBuilder();
        if (String(schema, "description") is { } description)
        {
            text.Append(indent).Append("// ").Append(description).Append('\n');
        }

        text.Append("{\n");
        if (schema["properties"] is { IsObject: true } properties)
        {
            var required = new HashSet<string>(
                schema["required"]?.Items.Select(item => item.StringOrNull).OfType<string>() ?? [], StringComparer.Ordinal);
            foreach (var (name, property) in properties.Members)
            {
                AppendProperty(text, name + (required.Contains(name) ? "" : "?"), property, indent);
            }
        }

        return text.Append(indent).Append('}').ToString();
    }

    private static void AppendProperty(StringBuilder text, string name, PromptValue schema, string indent)
    {
        var description = String(schema, "description");
        if (String(schema, "title") is { } title)
        {
            text.Append(indent).Append("// ").Append(title).Append('\n').Append(indent).Append("//\n");
        }

        var oneOf = schema["oneOf"];
        if (oneOf is null && description is not null)
        {
            text.Append(indent).Append("// ").Append(description).Append('\n');
        }

        if (schema["examples"] is { IsArray: true, Items.Count: > 0 } examples)
        {
            text.Append(indent).Append("// Examples:\n");
            foreach (var example in examples.Items.Where(item => item.IsString))
            {
                text.Append(indent).Append("// - \"").Append(example.Text).Append("\"\n");
            }
        }

        if (oneOf is { IsArray: true })
        {
            AppendUnion(text, name, schema, oneOf.Items, description, indent);
            return;
        }

        text.Append(indent).Append(name).Append(": ").Append(Nullable(schema, Type(schema, indent + "    "))).Append(',')
            .Append(oneOf is null && Default(schema, IsEnum(schema)) is { } preset ? " // " + preset : "").Append('\n');
    }

    private static void AppendUnion(
        StringBuilder text, string name, PromptValue schema, IReadOnlyList<PromptValue> variants, string? description, string indent)
    {
        if (description is not null && (variants.Count == 0 || description != String(variants[0], "description")))
        {
            text.Append(indent).Append("// ").Append(description).Append('\n');
        }

        if (Default(schema, IsEnum(schema)) is { } preset)
        {
            text.Append(indent).Append("// ").Append(preset).Append('\n');
        }

        text.Append(indent).Append(name).Append(":\n");
        for (var i = 0; i < variants.Count; i++)
        {
            var own = String(variants[i], "description");
            own = description is not null && (i == 0 || own == description) ? null : own;
            text.Append(indent).Append(" | ").Append(Variant(variants[i], indent, own, quotesEnums: false)).Append('\n');
        }

        text.Append(indent).Append(",\n");
    }

    private static string Variant(PromptValue schema, string indent, string? description, bool quotesEnums)
    {
        var type = Nullable(schema, Type(schema, indent + "   "));
        var preset = Default(schema, !quotesEnums && IsEnum(schema));
        return (description, preset) switch
        {
            (null, null) => type,
            (null, _) => $"{type} // {preset}",
            (_, null) => $"{type} // {description}",
            _ => $"{type} // {description} {preset}",
        };
    }

    private static string Nullable(PromptValue schema, string type) =>
        schema["nullable"] is { Kind: PromptValueKind.True } && !type.Contains("null", StringComparison.Ordinal) ? type + " | null" : type;

    private static string? Default(PromptValue schema, bool isBare) => schema["default"] switch
    {
        null => null,
        { IsString: true } text => isBare ? $"default: {text.Text}" : $"default: \"{text.Text}\"",
        var value => "default: " + JsonText.Of(value, JsonStyle.RustCompact),
    };

    private static bool IsEnum(PromptValue schema) => schema["enum"] is { IsArray: true, Items.Count: > 0 };

    private static string? String(PromptValue schema, string key) => schema[key]?.StringOrNull;
}

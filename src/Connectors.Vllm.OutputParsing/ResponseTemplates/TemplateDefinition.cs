using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

/// <summary>
/// A <c>response_template</c> of tokenizer_config.json: how to cut a model's output into fields.
/// https://huggingface.co/docs/transformers/main/chat_response_parsing
/// </summary>
internal sealed class TemplateDefinition
{
    private const int MaxFields = 32;
    private const int MaxLength = 256 * 1024;

    private TemplateDefinition(
        IReadOnlyList<TemplateMarker> anchors, IReadOnlyList<TemplateField> fields, IReadOnlyDictionary<string, string> defaults)
    {
        Anchors = anchors;
        Fields = fields;
        Defaults = defaults;
        Implicit = fields.FirstOrDefault(field => field.Opens.Count == 0);
    }

    /// <summary>What the generation prompt ends with.</summary>
    public IReadOnlyList<TemplateMarker> Anchors { get; }

    public IReadOnlyList<TemplateField> Fields { get; }

    /// <summary>The field of all text outside other fields; null if there is none.</summary>
    public TemplateField? Implicit { get; }

    /// <summary>Texts of fields that the output does not hold.</summary>
    public IReadOnlyDictionary<string, string> Defaults { get; }

    /// <summary>Reads a template.</summary>
    /// <exception cref="OutputFormatException">It is not a template this package can use.</exception>
    public static TemplateDefinition Parse(string json)
    {
        if (json.Length > MaxLength)
        {
            throw Bad($"it is longer than {MaxLength} characters");
        }

        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 64 });
            return Read(document.RootElement.Clone());
        }
        catch (JsonException exception)
        {
            throw new OutputFormatException("The response_template is not valid JSON: " + exception.Message, exception);
        }
    }

    private static TemplateDefinition Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Bad("it is not an object");
        }

        if (root.TryGetProperty("version", out var version) && !(version.ValueKind == JsonValueKind.Number && version.GetRawText() == "1"))
        {
            throw Bad("its version is not 1");
        }

        foreach (var member in root.EnumerateObject())
        {
            if (member.Name is not ("version" or "defaults" or "start_anchor" or "start_anchor_pattern" or "fields"))
            {
                throw Bad($"the key '{member.Name}' is unknown");
            }
        }

        var anchors = TemplateMarker.ReadAll(root, "start_anchor");
        if (!root.TryGetProperty("fields", out var map) || map.ValueKind != JsonValueKind.Object || !map.EnumerateObject().Any())
        {
            throw Bad("it has no fields");
        }

        var names = map.EnumerateObject().Select(member => member.Name).Distinct(StringComparer.Ordinal);
        var fields = names.Select(name => TemplateField.Read(name, map.GetProperty(name))).ToArray();
        if (fields.Length > MaxFields || fields.Count(field => field.Opens.Count == 0) > 1)
        {
            throw Bad(fields.Length > MaxFields ? $"it has more than {MaxFields} fields" : "more than one field has no start marker");
        }

        return new TemplateDefinition(anchors, fields, ReadDefaults(root));
    }

    private static Dictionary<string, string> ReadDefaults(JsonElement root)
    {
        if (!root.TryGetProperty("defaults", out var defaults) || defaults.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        return defaults.ValueKind == JsonValueKind.Object
            ? defaults.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.String)
                .GroupBy(member => member.Name, StringComparer.Ordinal)
                .ToDictionary(group => group.Key, group => group.Last().Value.GetString()!, StringComparer.Ordinal)
            : throw Bad("its defaults are not an object");
    }

    internal static OutputFormatException Bad(string what) =>
        new($"The response_template of this model cannot be used: {what}. Set a tool parser and a reasoning parser in the options instead.");
}

/// <summary>One field of a response template.</summary>
internal sealed class TemplateField
{
    private static readonly string[] Known =
        ["open", "open_pattern", "close", "close_pattern", "content", "content_args", "repeats", "join", "optional", "transform", "transform_each"];

    public required string Name { get; init; }

    public required IReadOnlyList<TemplateMarker> Opens { get; init; }

    public required IReadOnlyList<TemplateMarker> Closes { get; init; }

    public required string Content { get; init; }

    public JsonElement? Arguments { get; init; }

    public JsonElement? Transform { get; init; }

    public bool TransformEach { get; init; }

    /// <summary>The separator between the texts of the field's regions; null for none.</summary>
    public string? Join { get; init; }

    /// <summary>The kind of a field that is streamed, reasoning or text; null for a field that is parsed when it closes.</summary>
    public OutputEventKind? Streams => Content != "text" || Transform is not null ? null
        : Name is "thinking" or "reasoning" or "reasoning_content" ? OutputEventKind.Reasoning
        : Name == "tool_calls" ? null
        : OutputEventKind.Text;

    public static TemplateField Read(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw TemplateDefinition.Bad($"the field '{name}' is not an object");
        }

        foreach (var member in value.EnumerateObject())
        {
            if (!Known.Contains(member.Name))
            {
                throw TemplateDefinition.Bad($"the key '{member.Name}' of field '{name}' is unknown");
            }
        }

        var content = value.TryGetProperty("content", out var parser) ? parser.GetString() ?? "text" : "text";
        if (content is not ("text" or "int" or "float" or "bool" or "json" or "xml-inline" or "kv-lines"))
        {
            throw TemplateDefinition.Bad($"the content parser '{content}' of field '{name}' is unknown");
        }

        string? join = null;
        if (value.TryGetProperty("join", out var separator) && separator.ValueKind != JsonValueKind.Null)
        {
            var repeated = value.TryGetProperty("repeats", out var repeats) && repeats.ValueKind == JsonValueKind.True;
            join = repeated && separator.ValueKind == JsonValueKind.String
                ? separator.GetString()
                : throw TemplateDefinition.Bad($"'join' of field '{name}' is not a string, or the field does not repeat");
        }

        var each = value.TryGetProperty("transform_each", out var transformEach);
        return new TemplateField
        {
            Name = name,
            Opens = TemplateMarker.ReadAll(value, "open"),
            Closes = TemplateMarker.ReadAll(value, "close"),
            Content = content,
            Arguments = value.TryGetProperty("content_args", out var arguments) ? arguments : null,
            Transform = each ? transformEach : value.TryGetProperty("transform", out var transform) ? transform : null,
            TransformEach = each,
            Join = join,
        };
    }
}

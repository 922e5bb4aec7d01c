using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

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

    /// <summary>What stands between the texts of the field's regions; null when they follow each other as they are.</summary>
    public string? Join { get; init; }

    /// <summary>Reasoning or text that goes out as it comes; null for a field that is parsed when it closes.</summary>
    public OutputEventKind? Streams => Content != "text" || Transform is not null ? null
        : Name is "thinking" or "reasoning" or "reasoning_content" ? OutputEventKind.Reasoning
        : Name == "tool_calls" ? null
        : OutputEventKind.Text;

    public static TemplateField Read(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw TemplateDefinition.Bad($"the field '{name}' is no object");
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
                : throw TemplateDefinition.Bad($"'join' of field '{name}' is no text, or the field does not repeat");
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

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

    /// <summary>The field that takes all text outside of others; null when there is none.</summary>
    public TemplateField? Implicit { get; }

    /// <summary>Texts of fields that the output does not hold.</summary>
    public IReadOnlyDictionary<string, string> Defaults { get; }

    /// <summary>Reads a template.</summary>
    /// <exception cref="OutputFormatException">It is no template this package can use.</exception>
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
            throw new OutputFormatException("The response_template is not JSON: " + exception.Message, exception);
        }
    }

    private static TemplateDefinition Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Bad("it is no object");
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
            throw Bad(fields.Length > MaxFields ? $"it has more than {MaxFields} fields" : "more than one field has no opener");
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
            : throw Bad("its defaults are no object");
    }

    internal static OutputFormatException Bad(string what) =>
        new($"The response_template of this model cannot be used: {what}. Name a tool parser and a reasoning parser in the options instead.");
}

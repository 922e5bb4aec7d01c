using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing;

/// <summary>The elements of xgrammar's structural tags. https://xgrammar.mlc.ai/docs/structural_tag/structural_tag</summary>
internal static class ConstraintJson
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A tool's schema; an object without properties for a tool without one.</summary>
    public static JsonNode Parameters(OutputTool tool) =>
        tool.Parameters is { ValueKind: JsonValueKind.Object } schema && schema.EnumerateObject().Any()
            ? JsonNode.Parse(schema.GetRawText())!
            : new JsonObject { ["type"] = "object", ["properties"] = new JsonObject() };

    public static JsonObject Const(string value) => new() { ["type"] = "const_string", ["value"] = value };

    public static JsonObject Schema(JsonNode schema, string style = "json") => new() { ["type"] = "json_schema", ["json_schema"] = schema, ["style"] = style };

    public static JsonObject Regex(string pattern) => new() { ["type"] = "regex", ["pattern"] = pattern };

    public static JsonObject AnyText(params ReadOnlySpan<string> excludes)
    {
        var any = new JsonObject { ["type"] = "any_text" };
        if (excludes.Length > 0)
        {
            any["excludes"] = Strings(excludes);
        }

        return any;
    }

    public static JsonObject Sequence(params ReadOnlySpan<JsonObject> elements) => Of("sequence", elements);

    public static JsonObject Or(params ReadOnlySpan<JsonObject> elements) => elements.Length == 1 ? elements[0] : Of("or", elements);

    public static JsonObject Optional(JsonObject content) => new() { ["type"] = "optional", ["content"] = content };

    public static JsonObject Tag(string begin, JsonObject content, params ReadOnlySpan<string> ends) => new()
    {
        ["type"] = "tag",
        ["begin"] = begin,
        ["content"] = content,
        ["end"] = ends.Length == 1 ? ends[0] : Strings(ends),
    };

    public static JsonObject Triggered(string trigger, IEnumerable<JsonObject> tags, CallTagRequest request, params ReadOnlySpan<string> excludes)
    {
        var node = new JsonObject
        {
            ["type"] = "triggered_tags",
            ["triggers"] = new JsonArray(trigger),
            ["tags"] = new JsonArray([.. tags]),
            ["at_least_one"] = request.IsForced,
            ["stop_after_first"] = !request.Multiple,
        };
        if (excludes.Length > 0)
        {
            node["excludes"] = Strings(excludes);
        }

        return node;
    }

    public static JsonObject Separated(string separator, IEnumerable<JsonObject> tags, CallTagRequest request) => new()
    {
        ["type"] = "tags_with_separator",
        ["tags"] = new JsonArray([.. tags]),
        ["separator"] = separator,
        ["at_least_one"] = true,
        ["stop_after_first"] = !request.Multiple,
    };

    /// <summary>The whole structural tag as JSON text.</summary>
    public static string Text(JsonObject format) => Write(new JsonObject { ["type"] = "structural_tag", ["format"] = format });

    public static string Write(JsonNode node)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Relaxed))
        {
            node.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static JsonObject Of(string type, ReadOnlySpan<JsonObject> elements)
    {
        var array = new JsonArray();
        foreach (var element in elements)
        {
            array.Add((JsonNode)element);
        }

        return new JsonObject { ["type"] = type, ["elements"] = array };
    }

    private static JsonArray Strings(ReadOnlySpan<string> texts)
    {
        var array = new JsonArray();
        foreach (var text in texts)
        {
            array.Add((JsonNode)text);
        }

        return array;
    }
}

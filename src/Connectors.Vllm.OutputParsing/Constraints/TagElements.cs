using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using System.Text.Json;
using System.Text;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>The elements of xgrammar's structural tags. https://xgrammar.mlc.ai/docs/structural_tag/structural_tag</summary>
internal static class TagElements
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static JsonObject Const(string value) => new() { ["type"] = "const_string", ["value"] = value };

    public static JsonObject Schema(JsonNode schema, string style = "json") => new() { ["type"] = "json_schema", ["json_schema"] = schema, ["style"] = style };

    public static JsonObject Regex(string pattern) => new() { ["type"] = "regex", ["pattern"] = pattern };

    public static JsonObject Grammar(string grammar) => new() { ["type"] = "grammar", ["grammar"] = grammar };

    /// <summary>No text at all: xgrammar takes no empty <c>const_string</c> or <c>regex</c>.</summary>
    public static JsonObject Nothing() => Grammar("root ::= \"\"");

    public static JsonObject AnyText(params ReadOnlySpan<string> excludes) => Excluding(new JsonObject { ["type"] = "any_text" }, excludes);

    /// <summary>All elements, in this order; a single one is itself.</summary>
    public static JsonObject Sequence(params ReadOnlySpan<JsonObject> elements) => Of("sequence", elements);

    /// <summary>One of the elements; a single one is itself.</summary>
    public static JsonObject Or(params ReadOnlySpan<JsonObject> elements) => Of("or", elements);

    public static JsonObject Optional(JsonObject content) => new() { ["type"] = "optional", ["content"] = content };

    public static JsonObject Star(JsonObject content) => new() { ["type"] = "star", ["content"] = content };

    /// <summary>Content between texts. An empty end among several means that the output may end there as well.</summary>
    public static JsonObject Tag(string begin, JsonObject content, params ReadOnlySpan<string> ends) => new()
    {
        ["type"] = "tag",
        ["begin"] = begin,
        ["content"] = content,
        ["end"] = ends.Length == 1 ? ends[0] : Strings(ends),
    };

    /// <summary>Free text in which the trigger begins one of the tags; forced, the output begins with one.</summary>
    public static JsonObject Triggered(string trigger, IEnumerable<JsonObject> tags, CallTagRequest request, params ReadOnlySpan<string> excludes) => Excluding(
        new JsonObject
        {
            ["type"] = "triggered_tags",
            ["triggers"] = new JsonArray(trigger),
            ["tags"] = new JsonArray([.. tags]),
            ["at_least_one"] = request.IsForced,
            ["stop_after_first"] = !request.Multiple,
        },
        excludes);

    /// <summary>One or more of the tags.</summary>
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

    private static JsonObject Excluding(JsonObject element, ReadOnlySpan<string> excludes)
    {
        if (excludes.Length > 0)
        {
            element["excludes"] = Strings(excludes);
        }

        return element;
    }

    private static JsonObject Of(string type, ReadOnlySpan<JsonObject> elements)
    {
        if (elements.Length == 1)
        {
            return elements[0];
        }

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

using System.Text;
using System.Text.Json;

namespace Connectors.Vllm.Testing.Model;

/// <summary>
/// Generates a text that a structural tag allows, in both dialects that vLLM accepts: <c>format</c> trees, and the older <c>structures</c> with
/// <c>triggers</c>. See https://xgrammar.mlc.ai/docs/structural_tag for the elements.
/// </summary>
internal static class TagSampler
{
    private const int MaxDepth = 16;

    public static string Sample(string tag, SchemaSampler sampler)
    {
        using var document = JsonDocument.Parse(tag);
        var root = document.RootElement;
        var text = new StringBuilder();
        if (root.ValueKind != JsonValueKind.Object)
        {
            return "";
        }

        if (root.TryGetProperty("format", out var format))
        {
            Write(text, format, sampler, 0);
        }
        else if (root.TryGetProperty("structures", out var structures)
            && structures.ValueKind == JsonValueKind.Array && structures.GetArrayLength() > 0)
        {
            var first = structures[0];
            var content = first.TryGetProperty("schema", out var schema) ? sampler.Sample(schema) : "{}";
            text.Append(Text(first, "begin")).Append(content).Append(Text(first, "end"));
        }

        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonElement format, SchemaSampler sampler, int depth)
    {
        if (depth > MaxDepth || format.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        switch (Text(format, "type"))
        {
            case "const_string":
                text.Append(Text(format, "value"));
                break;
            case "json_schema" or "qwen_xml_parameter" when format.TryGetProperty("json_schema", out var schema):
                text.Append(sampler.Sample(schema));
                break;
            case "regex":
                text.Append(RegexSampler.Sample(Text(format, "pattern")));
                break;
            case "sequence":
                foreach (var element in Elements(format, "elements"))
                {
                    Write(text, element, sampler, depth + 1);
                }

                break;
            case "or":
                WriteFirst(text, format, "elements", sampler, depth);
                break;
            case "tag":
                WriteTag(text, format, sampler, depth);
                break;
            case "triggered_tags" or "tags_with_separator"
                when Elements(format, "tags").FirstOrDefault() is { ValueKind: JsonValueKind.Object } first:
                WriteTag(text, first, sampler, depth);
                break;
            case "any_text" or "any_tokens":
                text.Append("Let me think about this for a moment.");
                break;
        }
    }

    private static void WriteTag(StringBuilder text, JsonElement tag, SchemaSampler sampler, int depth)
    {
        text.Append(Text(tag, "begin"));
        if (tag.TryGetProperty("content", out var content))
        {
            Write(text, content, sampler, depth + 1);
        }

        text.Append(Text(tag, "end"));
    }

    private static void WriteFirst(StringBuilder text, JsonElement format, string name, SchemaSampler sampler, int depth)
    {
        if (Elements(format, name).FirstOrDefault() is { ValueKind: JsonValueKind.Object } first)
        {
            Write(text, first, sampler, depth + 1);
        }
    }

    private static List<JsonElement> Elements(JsonElement format, string name) =>
        format.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [];

    // "end" may be a list of strings, any of which ends the tag.
    private static string Text(JsonElement element, string name) =>
        !element.TryGetProperty(name, out var value) ? ""
            : value.ValueKind == JsonValueKind.String ? value.GetString()!
            : value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value[0].ValueKind == JsonValueKind.String
                ? value[0].GetString()!
                : "";
}

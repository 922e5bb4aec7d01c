using System.Text.Json.Nodes;
using System.Text.Json;
using Connectors.Vllm.OutputParsing.Readers;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.ResponseTemplates;

/// <summary>Makes calls of a closed <c>tool_calls</c> region.</summary>
internal static class TemplateCalls
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The calls; null when the region does not parse.</summary>
    public static IReadOnlyList<ParsedCall>? Read(TemplateField field, string body, string? shape, JsonObject captures, ReaderContext context)
    {
        if (TemplateValue.Parse(field.Content, field.Arguments, body, shape: shape) is not { } content)
        {
            return null;
        }

        var values = new List<JsonNode?>();
        if (field.Transform is { } transform && field.TransformEach)
        {
            if (content is not JsonArray list)
            {
                return null;
            }

            values.AddRange(list.OfType<JsonObject>().Select(item => TemplateValue.Fill(transform, Scope(captures, item))));
        }
        else if (field.Transform is { } single)
        {
            values.Add(TemplateValue.Fill(single, Scope(captures, new JsonObject { ["content"] = content })));
        }
        else
        {
            values.Add(content);
        }

        var calls = new List<ParsedCall>();
        foreach (var value in values.SelectMany(value => value is JsonArray list ? list.ToArray() : [value]))
        {
            if (ToCall(value, context) is not { } call)
            {
                return null;
            }

            calls.Add(call);
        }

        return calls;
    }

    private static JsonObject Scope(JsonObject captures, JsonObject more)
    {
        var scope = (JsonObject)captures.DeepClone();
        foreach (var (key, value) in more)
        {
            scope[key] = value?.DeepClone();
        }

        return scope;
    }

    private static ParsedCall? ToCall(JsonNode? value, ReaderContext context)
    {
        var call = value as JsonObject;
        call = call?["function"] as JsonObject ?? call;
        if (call?["name"] is not JsonValue nameValue || !nameValue.TryGetValue<string>(out var name) || name.Trim().Length == 0)
        {
            return null;
        }

        name = name.Trim();
        switch (call["arguments"] ?? call["parameters"])
        {
            case null:
                return ParsedCall.Of(name, "{}");
            case JsonObject arguments:
                return ParsedCall.Of(name, Coerced(arguments, context.Schema(name)));
            case JsonValue text when text.TryGetValue<string>(out var json):
                return JsonCalls.FromArguments(name, json) is { Error: null } parsed ? parsed : null;
            default:
                return null;
        }
    }

    /// <summary>Members that are strings get the types of the declared parameters; nested values stay as they are.</summary>
    private static string Coerced(JsonObject arguments, ToolSchema schema)
    {
        var writer = new ArgumentsWriter();
        foreach (var (key, value) in arguments)
        {
            var text = value is JsonValue scalar && scalar.TryGetValue<string>(out var raw) ? raw : null;
            writer.Set(key, text is not null ? schema.Coerce(key, text) : value?.ToJsonString(Relaxed) ?? "null");
        }

        return writer.ToJson();
    }
}

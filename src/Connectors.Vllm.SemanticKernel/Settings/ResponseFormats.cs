using System.ClientModel.Primitives;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>Converts the supported forms of a response format: names, OpenAI's objects, a schema, or a type.</summary>
internal static class ResponseFormats
{
    /// <exception cref="FormatException">The value says nothing about a format.</exception>
    public static ChatResponseFormat Read(object value) => value switch
    {
        ChatResponseFormat format => format,

        // The objects of the OpenAI library serialize themselves in the format of its API.
        IPersistableModel<object> model => Read(JsonElement.Parse(model.Write(ModelReaderWriterOptions.Json))),
        Type type => ChatResponseFormat.ForJsonSchema(AIJsonUtilities.CreateJsonSchema(type), type.Name),
        "text" => ChatResponseFormat.Text,
        "json_object" => ChatResponseFormat.Json,
        string json when json.TrimStart().StartsWith('{') => Read(JsonElement.Parse(json)),
        JsonElement { ValueKind: JsonValueKind.String } name => Read(name.GetString()!),
        JsonElement { ValueKind: JsonValueKind.Object } json => OfObject(json),
        JsonDocument document => Read(document.RootElement),
        System.Text.Json.Nodes.JsonNode node => Read(JsonElement.Parse(node.ToJsonString())),
        _ => throw new FormatException(
            "It must be \"text\", \"json_object\", a JSON schema, a type, or {\"type\": \"json_schema\", \"json_schema\": {\"name\": …, "
                + "\"schema\": …}}."),
    };

    private static ChatResponseFormat OfObject(JsonElement json)
    {
        if (json.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String)
        {
            switch (type.GetString())
            {
                case "text":
                    return ChatResponseFormat.Text;
                case "json_object":
                    return ChatResponseFormat.Json;
                case "json_schema" when json.TryGetProperty("json_schema", out var named) && named.TryGetProperty("schema", out var schema):
                    return ChatResponseFormat.ForJsonSchema(schema.Clone(), Member(named, "name"), Member(named, "description"));
                default:
                    break;
            }
        }

        return ChatResponseFormat.ForJsonSchema(json.Clone());
    }

    private static string? Member(JsonElement json, string name) => json.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

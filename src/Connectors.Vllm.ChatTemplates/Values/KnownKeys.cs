using System.Runtime.InteropServices;
using System.Text.Json;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>The keys that come up in every conversation; their names need no new string each time.</summary>
internal static class KnownKeys
{
    public static string NameOf(JsonProperty property)
    {
        var name = JsonMarshal.GetRawUtf8PropertyName(property);
        switch (name.Length)
        {
            case 2 when name.SequenceEqual("id"u8):
                return "id";
            case 4 when name.SequenceEqual("role"u8):
                return "role";
            case 4 when name.SequenceEqual("type"u8):
                return "type";
            case 4 when name.SequenceEqual("text"u8):
                return "text";
            case 4 when name.SequenceEqual("name"u8):
                return "name";
            case 7 when name.SequenceEqual("content"u8):
                return "content";
            case 8 when name.SequenceEqual("function"u8):
                return "function";
            case 8 when name.SequenceEqual("required"u8):
                return "required";
            case 9 when name.SequenceEqual("arguments"u8):
                return "arguments";
            case 10 when name.SequenceEqual("tool_calls"u8):
                return "tool_calls";
            case 10 when name.SequenceEqual("parameters"u8):
                return "parameters";
            case 10 when name.SequenceEqual("properties"u8):
                return "properties";
            case 11 when name.SequenceEqual("description"u8):
                return "description";
            case 12 when name.SequenceEqual("tool_call_id"u8):
                return "tool_call_id";
            default:
                return property.Name;
        }
    }
}

using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Benchmarks.Prompt;

/// <summary>Writes a conversation as the JSON that chat templates get, for the reference to render.</summary>
internal static class PromptDump
{
    public static void Write(string path, IEnumerable<ChatMessage> messages, IEnumerable<AITool>? tools)
    {
        using var file = File.Create(path);
        using Utf8JsonWriter writer = new(file);
        writer.WriteStartObject();
        writer.WriteStartArray("messages");
        foreach (var message in messages)
        {
            writer.WriteStartObject();
            writer.WriteString("role", message.Role.Value);
            writer.WriteString("content", message.Text);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WritePropertyName("tools");
        if (tools is null)
        {
            writer.WriteNullValue();
        }
        else
        {
            writer.WriteStartArray();
            foreach (var tool in tools.OfType<AIFunctionDeclaration>())
            {
                writer.WriteStartObject();
                writer.WriteString("type", "function");
                writer.WriteStartObject("function");
                writer.WriteString("name", tool.Name);
                writer.WriteString("description", tool.Description);
                writer.WritePropertyName("parameters");
                tool.JsonSchema.WriteTo(writer);
                writer.WriteEndObject();
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }
}

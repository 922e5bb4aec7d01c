using System.Text.Json;

namespace Connectors.Vllm.OutputParsing;

/// <summary>The schema of a tool's arguments, as far as typing text values needs it.</summary>
internal sealed class ToolSchema(JsonElement? schema)
{
    public static readonly ToolSchema Unknown = new(null);

    public JsonElement? Schema => schema;
}

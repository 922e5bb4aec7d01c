using System.Text.Json;

namespace Connectors.Vllm.OutputParsing;

/// <summary>A tool the model may call.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Parameters">JSON schema of the arguments object; null when the tool takes none. Types the values of XML-like formats.</param>
/// <param name="Strict">Whether the arguments must follow the schema: then a constraint is sent although the model may choose freely whether to call.</param>
public sealed record OutputTool(string Name, JsonElement? Parameters = null, bool Strict = false);

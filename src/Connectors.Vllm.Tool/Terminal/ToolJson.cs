using System.Text.Json;
using System.Text.Json.Serialization;

namespace Connectors.Vllm.Tool;

/// <summary>The few types that are serialized by type, without reflection.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Default)]
[JsonSerializable(typeof(Dictionary<string, object?>), TypeInfoPropertyName = "DictionaryStringObject")]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(int))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(double))]
[JsonSerializable(typeof(float[]))]
[JsonSerializable(typeof(List<object?>))]
internal sealed partial class ToolJson : JsonSerializerContext;

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Connectors.Vllm.ReflectionFreeApp;

/// <summary>The application's own types, source-generated.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(City))]
internal sealed partial class AppJson : JsonSerializerContext;

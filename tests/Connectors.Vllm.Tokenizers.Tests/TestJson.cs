using System.Text.Json;

namespace Connectors.Vllm.Tokenizers.Tests;

/// <summary>Components from literal JSON.</summary>
internal static class TestJson
{
    public static ComponentJson Component(string json)
    {
        using var document = JsonDocument.Parse(json);
        return new ComponentJson(document.RootElement.Clone(), "$", "test.json");
    }
}

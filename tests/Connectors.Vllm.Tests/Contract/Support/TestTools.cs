using System.ComponentModel;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests.Contract;

/// <summary>Functions that tests offer to the model.</summary>
internal static class TestTools
{
    public static AIFunction Weather { get; } = AIFunctionFactory.Create(
        ([Description("Name of the city.")] string city, [Description("Number of days.")] int days = 1) => $"{days} sunny days in {city}",
        "get_weather", "Tells the weather of a city.");

    public static AIFunction Now { get; } = AIFunctionFactory.Create(() => "12:00", "now", "Tells the time.");

    /// <summary>A function that can be described but not called.</summary>
    public static AIFunctionDeclaration Declared { get; } = AIFunctionFactory.CreateDeclaration(
        "look_up", "Looks something up.",
        JsonDocument.Parse("""{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}""").RootElement.Clone());

    /// <summary>The text of a call as the small model writes it.</summary>
    public static string Hermes(string name, string arguments) => $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>";
}

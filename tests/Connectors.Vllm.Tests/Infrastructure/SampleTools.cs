using System.ComponentModel;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Tests;

internal static class SampleTools
{
    public static AIFunction Weather { get; } = AIFunctionFactory.Create(
        ([Description("The city.")] string city, int days = 1) => $"Sunny in {city} for {days} days", "get_weather", "Tells the weather.");

    public static AIFunction Time { get; } = AIFunctionFactory.Create(() => "12:00", "get_time", "Tells the time.");

    public static string Call(string name, string arguments) => $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>";
}

using System.ComponentModel;
using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel.Tests.RealKernel;

/// <summary>Functions that remember what they were called with.</summary>
internal sealed class WeatherPlugin
{
    public List<string> Asked { get; } = [];

    /// <summary>How the model calls one of them.</summary>
    public static string Call(string name, string arguments, string plugin = "Weather") => $$"""
        <tool_call>
        {"name": "{{plugin}}_{{name}}", "arguments": {{arguments}}}
        </tool_call>
        """;

    [KernelFunction("get_weather")]
    [Description("Tells the weather of a city.")]
    public string GetWeather(string city, int days = 1)
    {
        Asked.Add($"{city}/{days}");
        return $"sunny in {city}";
    }

    [KernelFunction("get_time")]
    public string GetTime()
    {
        Asked.Add("time");
        return "noon";
    }
}

using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>The tools the cases call.</summary>
internal static class TestTools
{
    public static IReadOnlyList<OutputTool> All { get; } =
    [
        Tool("get_weather",
            """{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},"opts":{"type":"object"},"tags":{"type":"arra"""
                + """y"}},"required":["city"]}"""),
        Tool("now", """{"type":"object","properties":{}}"""),
        Tool("write", """{"type":"object","properties":{"path":{"type":"string"},"content":{"type":"string"}}}"""),
        Tool("mcp-x__list-files", """{"type":"object","properties":{"dir":{"type":"string"}}}"""),
        Tool("math.add", """{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}}}"""),
        Tool("typed", """
            {"type":"object","$defs":{"Box":{"type":"object","properties":{"w":{"type":"integer"}}}},"properties":{
              "maybe":{"anyOf":[{"type":"integer"},{"type":"null"}]},"nullable":{"type":["string","null"]},"box":{"$ref":"#/$defs/Box"},
              "color":{"enum":["red","green"]},"fixed":{"const":7},"both":{"type":["string","integer"]},"flag":{"type":"boolean"},"ratio":{"type":"number"},
              "list":{"type":"array","items":{"type":"integer"}},"all":{"allOf":[{"type":"integer"},{"minimum":1}]},"free":{},"count":{"type":"integer"}}}
            """),
    ];

    public static OutputTool Tool(string name, string schema) => new(name, JsonDocument.Parse(schema).RootElement);
}

using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.Oracle.Tests.Prompts;

/// <summary>The same conversations twice: as an application writes them, and as the JSON that a template gets.</summary>
internal static class PromptCases
{
    private const string Schema =
        """{"type":"object","properties":{"city":{"type":"string","description":"The city's name"},"days":{"type":"integer"}},"required":["city"]}""";

    private const string ToolJson =
        $$$"""[{"type":"function","function":{"name":"get_weather","description":"Tells the weather.","parameters":{{{Schema}}}}}]""";

    public static IEnumerable<PromptCase> All(bool withTools)
    {
        yield return new(
            "single",
            [new(ChatRole.User, "What is the capital of France? Ünï 东京 🙂")],
            """[{"role":"user","content":"What is the capital of France? Ünï 东京 🙂"}]""");
        yield return new(
            "turns",
            [
                new(ChatRole.System, "Be brief.\nAnswer in one line."),
                new(ChatRole.User, "  Hello,   world!  "),
                new(ChatRole.Assistant, "Hello."),
                new(ChatRole.User, "def f(x):\n\treturn x**2  # ok?"),
            ],
            """
            [{"role":"system","content":"Be brief.\nAnswer in one line."},{"role":"user","content":"  Hello,   world!  "},
             {"role":"assistant","content":"Hello."},{"role":"user","content":"def f(x):\n\treturn x**2  # ok?"}]
            """);
        if (!withTools)
        {
            yield break;
        }

        yield return new(
            "tools offered", [new(ChatRole.User, "How is the weather in Paris?")], """[{"role":"user","content":"How is the weather in Paris?"}]""",
            Tools(), ToolJson);
        yield return new(
            "tool called",
            [
                new(ChatRole.User, "How is the weather in Paris and Rome?"),
                new(ChatRole.Assistant, [
                    new FunctionCallContent("call_1", "get_weather", Arguments("Paris")),
                    new FunctionCallContent("call_2", "get_weather", Arguments("Rome"))]),
                new(ChatRole.Tool, [new FunctionResultContent("call_1", "sunny, 21 °C"), new FunctionResultContent("call_2", "rain")]),
            ],
            """
            [{"role":"user","content":"How is the weather in Paris and Rome?"},
             {"role":"assistant","content":"","tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":{"city":"Paris"}}},
                                               {"id":"call_2","type":"function","function":{"name":"get_weather","arguments":{"city":"Rome"}}}]},
             {"role":"tool","tool_call_id":"call_1","content":"sunny, 21 °C"},{"role":"tool","tool_call_id":"call_2","content":"rain"}]
            """,
            Tools(),
            ToolJson);
    }

    private static List<AITool> Tools() =>
        [AIFunctionFactory.CreateDeclaration("get_weather", "Tells the weather.", JsonDocument.Parse(Schema).RootElement)];

    private static Dictionary<string, object?> Arguments(string city) => new() { ["city"] = city };
}

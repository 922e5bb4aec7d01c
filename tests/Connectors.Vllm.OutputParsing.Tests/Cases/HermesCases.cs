namespace Connectors.Vllm.OutputParsing.Tests;

internal static class HermesCases
{
    public static IEnumerable<OutputCase> All => new OutputCase[]
    {
        new("plain", "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>",
            "C get_weather {\"city\": \"Paris\"}"),
        new("two blocks",
            "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": "
                + "\"X\"}}\n</tool_call>",
            "C now {}", "C get_weather {\"city\": \"X\"}"),
        new("text around", "Hi <tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call> bye", "T Hi ", "C now {}", "T  bye"),
        new("newline before the block is framing", "Hi\n<tool_call>{\"name\":\"now\"}</tool_call>", "T Hi", "C now {}"),
        new("no arguments key", "<tool_call>{\"name\":\"now\"}</tool_call>", "C now {}"),
        new("null arguments", "<tool_call>{\"name\":\"now\",\"arguments\":null}</tool_call>", "C now {}"),
        new("arguments first", "<tool_call>{\"arguments\":{\"city\":\"X\"},\"name\":\"get_weather\"}</tool_call>", "C get_weather {\"city\":\"X\"}"),
        new("closer inside a string", "<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"a </tool_call> b\"}}</tool_call>",
            "C write {\"content\":\"a </tool_call> b\"}"),
        new("braces and quotes in strings", """<tool_call>{"name":"write","arguments":{"content":"{\"a\": \"}\"}","path":"p"}}</tool_call>""",
            """C write {"content":"{\"a\": \"}\"}","path":"p"}"""),
        new("double encoded", """<tool_call>{"name":"get_weather","arguments":"{\"city\":\"X\"}"}</tool_call>""", """C get_weather {"city":"X"}"""),
        new("cut in a value", "<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Par",
            "T <tool_call>{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Par"),
        new("partial opener", "a < b and <tool", "T a < b and <tool"),
        new("not JSON", "<tool_call>not json</tool_call>", "T <tool_call>not json</tool_call>"),
        new("escapes stay", """<tool_call>{"name":"get_weather","arguments":{"city": "Z\u00fcrich"}}</tool_call>""",
            """C get_weather {"city": "Z\u00fcrich"}"""),
        new("emoji", "<tool_call>{\"name\":\"write\",\"arguments\":{\"content\":\"😀漢é\"}}</tool_call>", "C write {\"content\":\"😀漢é\"}"),
        new("number spelling", "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":5.0,\"b\":1e3,\"c\":12345678901234567890}}</tool_call>",
            "C f {\"a\":5.0,\"b\":1e3,\"c\":12345678901234567890}"),
        new("parameters for arguments", "<tool_call>{\"name\":\"get_weather\",\"parameters\":{\"city\":\"X\"}}</tool_call>",
            "C get_weather {\"city\":\"X\"}"),
        new("missing closer, JSON complete", "<tool_call>{\"name\":\"now\",\"arguments\":{}}", "C now {}"),
        new("missing closer before the next block", "<tool_call>{\"name\":\"now\"}\n<tool_call>{\"name\":\"now\"}</tool_call>", "C now {}",
            "C now {}"),
        new("missing last brace", "<tool_call>\n{\"name\":\"get_weather\",\"arguments\":{\"city\":\"X\"}\n</tool_call>",
            "C get_weather {\"city\":\"X\"}"),
        new("bad block then good block", "<tool_call>oops</tool_call><tool_call>{\"name\":\"now\"}</tool_call>", "T <tool_call>oops</tool_call>",
            "C now {}"),
        new("arguments no object", "<tool_call>{\"name\":\"now\",\"arguments\":[1]}</tool_call>",
            "T <tool_call>{\"name\":\"now\",\"arguments\":[1]}</tool_call>"),
        new("malformed handed out", "<tool_call>{\"name\":\"now\",\"arguments\":[1]}</tool_call>", "E now [1]")
            { Configure = options => ReturningMalformed(options) },
        new("pretty printed", "<tool_call>\n{\n  \"name\": \"get_weather\",\n  \"arguments\": {\n    \"city\": \"X\"\n  }\n}\n</tool_call>",
            "C get_weather {\n    \"city\": \"X\"\n  }"),
        new("CRLF", "<tool_call>\r\n{\"name\": \"now\", \"arguments\": {}}\r\n</tool_call>\r\n", "C now {}"),
        new("unknown tool", "<tool_call>{\"name\":\"nope\",\"arguments\":{}}</tool_call>", "C nope {}"),
        new("several objects in a block", "<tool_call>{\"name\":\"now\"}\n{\"name\":\"now\"}</tool_call>", "C now {}", "C now {}"),
        new("array in a block", "<tool_call>[{\"name\":\"now\"}, {\"name\":\"write\",\"arguments\":{\"path\":\"]\"}}]</tool_call>", "C now {}",
            "C write {\"path\":\"]\"}"),
        new("nested", "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":[{\"b\":[{}]},null,true]}}</tool_call>",
            "C f {\"a\":[{\"b\":[{}]},null,true]}"),
        new("escaped name", "<tool_call>{\"name\":\"get\\u005fweather\",\"arguments\":{}}</tool_call>", "C get_weather {}"),
        new("OpenAI form", "<tool_call>{\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":{}}}</tool_call>", "C now {}"),
        new("thought before", "<think>\nplan\n</think>\n\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>", "R plan", "C now {}"),
        new("call in an open thought", "plan\n<tool_call>{\"name\":\"now\"}</tool_call>", "R plan", "C now {}") { PromptTail = "<think>\n" },
        new("undeclared call in a thought is thought", "e.g. <tool_call>{\"name\":\"nope\"}</tool_call> so</think>ok",
            "R e.g. <tool_call>{\"name\":\"nope\"}</tool_call> so", "T ok")
            { PromptTail = "<think>\n" },
        new("marker spelled by ordinary tokens", "a <tool_call>{\"name\":\"now\"}</tool_call>", "T a <tool_call>{\"name\":\"now\"}</tool_call>")
            { Tokens = ["<tool_call>", "</tool_call>"], IdsOnly = true },
        new("many openers", "<tool_call><tool_call>{\"name\":\"now\"}</tool_call>", "T <tool_call>", "C now {}"),
    }.Select(item => item with { Tools = "hermes", Reasoning = "qwen3", Exact = true });

    private static OutputParserOptions ReturningMalformed(OutputParserOptions options) =>
        new() { PromptTail = options.PromptTail, Tools = options.Tools, ReportMarkup = true, ReturnMalformedCalls = true };
}

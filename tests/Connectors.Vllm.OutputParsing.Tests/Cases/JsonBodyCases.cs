namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>
/// JSON that is almost JSON, in every format with JSON arguments: what has one meaning is a call, all else is text, and control tokens are nothing.
/// </summary>
internal static class JsonBodyCases
{
    // Arguments of "write" as a model writes them, and what they are; null for those that stay text.
    private static readonly (string Arguments, string? Expected)[] Rows =
    [
        ("{\"content\": \"a\nb\"}", """{"content":"a\nb"}"""),
        ("{\"content\": \"a\tb\"}", """{"content":"a\tb"}"""),
        ("{\"content\": \"a\r\nb\r\n\"}", """{"content":"a\r\nb\r\n"}"""),
        ("{\"content\": \"\n\n\n\"}", """{"content":"\n\n\n"}"""),
        ("{\n\t\"path\": \"p\",\n\t\"content\": \"def f():\n\treturn \\\"x\\\"\n\"\n}", """{"path":"p","content":"def f():\n\treturn \"x\"\n"}"""),
        ("{\"content\": \"a \\\\\nb\"}", """{"content":"a \\\nb"}"""),
        ("{\"content\": \"{\n}\"}", """{"content":"{\n}"}"""),
        ("{\"a\nb\": 1}", """{"a\nb":1}"""),
        ("{\"content\": \"漢字\n😀\"}", """{"content":"漢字\n😀"}"""),
        ("{\"content\": \"a\\nb\"}", """{"content":"a\nb"}"""),
        ("{\"content\": \"} ] \\\" </x> <|y|>\"}", """{"content":"} ] \" </x> <|y|>"}"""),
        ("{ }", "{}"),
        ("{\"opts\": {\"a\": [\"x\ny\", {\"b\": \"\t\"}]}}", """{"opts":{"a":["x\ny",{"b":"\t"}]}}"""),
        ("{\"content\": \"x\", \"content\": \"y\"}", """{"content":"x","content":"y"}"""),
        ("{'content': 'a'}", null),
        ("{\"content\": a}", null),
        ("{\"content\": \"a\",}", null),
        ("{\"content\" \"a\"}", null),
        ("{\"content\": \"a\", \"path\"}", null),
        ("{content: \"a\"}", null),
    ];

    private static readonly (string Tools, Func<string, string> Write)[] Formats =
    [
        ("hermes", arguments => $"<tool_call>\n{{\"name\": \"write\", \"arguments\": {arguments}}}\n</tool_call>"),
        ("qwen3_coder", arguments => $"<tool_call>\n{{\"name\": \"write\", \"arguments\": {arguments}}}\n</tool_call>"),
        ("longcat", arguments => $"<longcat_tool_call>{{\"name\": \"write\", \"arguments\": {arguments}}}</longcat_tool_call>"),
        ("jamba", arguments => $"<tool_calls>[{{\"name\": \"write\", \"arguments\": {arguments}}}]</tool_calls>"),
        ("nemotron_nano_v2", arguments => $"<TOOLCALL>[{{\"name\": \"write\", \"arguments\": {arguments}}}]</TOOLCALL>"),
        ("granite", arguments => $"<tool_call>[{{\"name\": \"write\", \"arguments\": {arguments}}}]"),
        ("ernie45", arguments => $"<tool_call>\n{{\"name\": \"write\", \"arguments\": {arguments}}}\n</tool_call>"),
        ("glm45", arguments => $"<tool_call>{{\"name\": \"write\", \"arguments\": {arguments}}}</tool_call>"),
        ("plamo3",
            arguments => "<|plamo:begin_tool_requests:plamo|><|plamo:begin_tool_request:plamo|>"
            + "<|plamo:begin_tool_name:plamo|>write<|plamo:end_tool_name:plamo|>"
            + $"<|plamo:begin_tool_arguments:plamo|>{arguments}<|plamo:end_tool_arguments:plamo|>"
            + "<|plamo:end_tool_request:plamo|><|plamo:end_tool_requests:plamo|>"),
        ("hunyuan_a13b", arguments => $"<tool_calls>[{{\"name\": \"write\", \"arguments\": {arguments}}}]</tool_calls>"),
    ];

    // These begin with a control token, which is no text even where no call comes of it.
    private static readonly (string Tools, string Open, Func<string, string> Write)[] Controls =
    [
        ("llama3_json", "<|python_tag|>", arguments => $"{{\"name\": \"write\", \"parameters\": {arguments}}}"),
        ("gigachat3", "<|function_call|>", arguments => $"{{\"name\": \"write\", \"arguments\": {arguments}}}"),
        ("kimi_k2", "<|tool_call_begin|>", arguments => $"functions.write:0<|tool_call_argument_begin|>{arguments}<|tool_call_end|>"),
        ("deepseek_v31", "<｜tool▁calls▁begin｜>", arguments => $"<｜tool▁call▁begin｜>write<｜tool▁sep｜>{arguments}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
        ("deepseek_v3", "<｜tool▁calls▁begin｜>",
            arguments => $"<｜tool▁call▁begin｜>function<｜tool▁sep｜>write\n```json\n{arguments}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
        ("mistral", "[TOOL_CALLS]", arguments => $"write[ARGS]{arguments}"),
        ("mistral", "[TOOL_CALLS]", arguments => $"[{{\"name\": \"write\", \"arguments\": {arguments}}}]"),
        ("cohere_command3", "<|START_ACTION|>",
            arguments => $"[{{\"tool_call_id\": \"0\", \"tool_name\": \"write\", \"parameters\": {arguments}}}]<|END_ACTION|>"),
        ("apertus", "<|tools_prefix|>", arguments => $"[{{\"write\": {arguments}}}]<|tools_suffix|>"),
        ("internlm", "<|action_start|>", arguments => $"<|plugin|>\n{{\"name\": \"write\", \"parameters\": {arguments}}}<|action_end|>"),
        ("inkling", "<|content_invoke_tool_json|>", arguments => $"{{\"name\": \"write\", \"args\": {arguments}}}<|end_message|>"),
    ];

    public static IEnumerable<OutputCase> All =>
    [
        .. from format in Formats
           from row in Rows
           let output = format.Write(row.Arguments)
           select new OutputCase($"arguments {row.Arguments}", output, row.Expected is null ? "T " + output : "C write " + row.Expected)
               { Tools = format.Tools, Exact = false },
        .. from format in Controls
           from row in Rows
           where row.Expected is not null
           select new OutputCase($"arguments {row.Arguments}", format.Open + format.Write(row.Arguments), "C write "
               + row.Expected) { Tools = format.Tools },
        .. Prose(),
    ];

    /// <summary>Control tokens that begin no call.</summary>
    private static IEnumerable<OutputCase> Prose() =>
    [
        Of("llama3_json", "<|python_tag|>print(1)", "T print(1)"),
        Of("llama3_json", "a<|python_tag|>b<|eom_id|>", "T ab"),
        Of("llama3_json", "<|python_tag|>brave_search.call(query=\"x\")<|eom_id|>", "T brave_search.call(query=\"x\")"),
        Of("llama3_json", "<|python_tag|><|eot_id|>"),
        Of("llama4_pythonic", "<|python_start|>print(1)<|python_end|>", "T print(1)"),
        Of("llama4_pythonic", "a<|python_end|>", "T a"),
        Of("kimi_k2", "a<|tool_calls_section_begin|><|tool_calls_section_end|>b", "T ab"),
        Of("kimi_k2", "<|tool_calls_section_begin|>a", "T a"),
        Of("gemma4", "a <|tool_call>no call<tool_call|> b", "T a no call b"),
        Of("kimi_k2", "a<|tool_call_end|><|tool_calls_section_end|>", "T a"),
        Of("cohere_command3", "<|START_ACTION|>a<|END_ACTION|>", "T a"),
        Of("apertus", "<|tools_prefix|>[]<|tools_suffix|>a", "T a"),
        Of("internlm", "<|action_start|><|interpreter|>\n```python\nprint(1)\n```<|action_end|>", "T \n```python\nprint(1)\n```"),
        Of("gigachat3", "<|function_call|>a", "T a"),
        Of("lfm2", "<|tool_call_start|>[]<|tool_call_end|>a", "T []a"),
        Of("deepseek_v31", "<｜tool▁calls▁begin｜><｜tool▁calls▁end｜>a<｜end▁of▁sentence｜>", "T a"),
        Of("solar_open2", "<|tool_call:start|>a b c<|tool_call:end|>", "T a b c"),
        Of("inkling", "<|content_invoke_tool_json|>a<|end_message|>", "T a"),
        Of("plamo3", "a<|plamo:tag|>", "T a"),
        Of("granite", "<|tool_call|>a", "T a"),
    ];

    private static OutputCase Of(string tools, string output, params string[] expected) => new($"control tokens: {output}", output,
        expected) { Tools = tools };
}

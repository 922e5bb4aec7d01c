namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>Thoughts in plain sentences, empty thoughts, and values whose white space counts.</summary>
internal static class ThoughtCases
{
    public static IEnumerable<OutputCase> All => [.. Granite(), .. Hunyuan(), .. Dots(), .. Tags()];

    private static IEnumerable<OutputCase> Granite()
    {
        string[] opens = ["Here is my thought process:", "Here's my thought process:", "Here’s my thought process:"];
        string[] closes = ["Here is my response:", "Here's my response:", "Here’s my response:"];
        foreach (var open in opens)
        {
            foreach (var close in closes)
            {
                yield return Of("granite", $"{open} a {close} b", "R  a ", "T  b");
                yield return Of("granite", $"{open}\na\nb\n\n{close}\nc\nd", "R a\nb\n", "T c\nd");
                yield return Of("granite", $"\n{open}\n\na\n\n{close}\n\nb", "R \na\n", "T b");
            }

            yield return Of("granite", $"{open}\na", "R a");
            yield return Of("granite", $"Well. {open}\na", $"T Well. {open}\na");
        }

        yield return Of("granite", "Here is my thought process: <tool_call>[{\"name\": \"now\", \"arguments\": {}}]", "C now {}");
        yield return Of("granite", "Here's my thought process:\na\nHere's my response:\n<tool_call>[{\"name\": \"now\", \"arguments\": {}}]",
            "R a", "C now {}");
        yield return Of("granite", "Here is my answer: a", "T Here is my answer: a");
        yield return Of("granite", "Here is my", "T Here is my");
        yield return Of("granite", "a", "T a");
    }

    private static IEnumerable<OutputCase> Hunyuan() =>
    [
        Of("hunyuan_a13b", "<think>\n\n</think>\n<answer>\na\n</answer>", "T a"),
        Of("hunyuan_a13b", "<think></think><answer>a</answer>", "T a"),
        Of("hunyuan_a13b", "<think>\n</think>\n\n<answer>\na\n</answer>", "T a"),
        Of("hunyuan_a13b", "<think>\n\n</think>\n<tool_calls>[{\"name\": \"now\", \"arguments\": {}}]</tool_calls>", "C now {}"),
        Of("hunyuan_a13b", "<think>\n\n</think>\n\n", []),
        Of("hunyuan_a13b", "<think>\nt\n</think>\n<answer>\na\nb\n</answer>", "R t", "T a\nb"),
        Of("hunyuan_a13b", "<answer>\na\n</answer>", "T a"),
        Of("hunyuan_a13b", "a", "T a"),
        Of("hy_v3", "<think></think>a", "T a"),
        Of("hy_v3", "<think>\n\n</think>\n\na", "T a"),
        Of("hy_v3", "<think>\n\n</think><tool_calls>\n<tool_call>now<tool_sep>\n</tool_call>\n</tool_calls>", "C now {}"),
        Of("hy_v4", "<think></think><tool_calls><tool_call>now</tool_call></tool_calls>", "C now {}"),
        Of("hy_v4", "<think>t</think><tool_calls><tool_call>now</tool_call></tool_calls>a", "R t", "C now {}", "T a"),
    ];

    private static IEnumerable<OutputCase> Dots()
    {
        foreach (var value in (string[])["  a\n", "\n\na", " ", "\n", "\t\ta\n\tb\n\n", "a  ", "\r\na\r\n", "    indented\n\tline\n\n", "null",
            " null "])
        {
            var json = System.Text.Json.JsonSerializer.Serialize(value);
            yield return Of("dots",
                $"<dots_function_call>\n<invoke name=\"write\">\n<parameter name=\"content\">{value}</parameter>\n</invoke>\n</dots_function_call>",
                $"C write {{\"content\":{json}}}");
            yield return Of("minimax_m2",
                $"<minimax:tool_call>\n<invoke name=\"write\">\n<parameter name=\"content\">{value}</parameter>\n</invoke>\n</minimax:tool_call>",
                $"C write {{\"content\":{json}}}");
            yield return Of("glm47", $"<tool_call>write<arg_key>content</arg_key><arg_value>{value}</arg_value></tool_call>",
                $"C write {{\"content\":{json}}}");
            yield return Of("seed_oss", $"<seed:tool_call><function=write><parameter=content>\n{value}\n</parameter></function></seed:tool_call>",
                $"C write {{\"content\":{json}}}");
        }

        yield return Of("dots", "<dots_function_call>{\"name\": \"now\", \"arguments\": {}}</dots_function_call>", "C now {}");
    }

    private static IEnumerable<OutputCase> Tags() =>
    [
        Of("qwen3", "<think>\n\n</think>\n\na", "T a"),
        Of("qwen3", "<think></think>a", "T a"),
        Of("qwen3", "<think>a</think><think>b</think>c", "R ab", "T c"),
        Of("qwen3", "</think>a", "T </think>a") with { TextOnly = true },
        Of("qwen3", "a <think> b", "T a <think> b") with { TextOnly = true },
        Of("deepseek_r1", "<think>\na\n</think>\n\nb", "R a", "T b"),
        Of("seed_oss", "<seed:think>a</seed:think>b", "R a", "T b"),
        Of("mistral", "[THINK]a[/THINK]b", "R a", "T b"),
        Of("kimi", "◁think▷a◁/think▷b", "R a", "T b"),
        Of("ernie45", "<think>\na\n</think>\n<response>\nb\n</response>\n", "R a", "T b"),
        Of("minimax_m3", "<mm:think>a</mm:think>b", "R a", "T b"),
        Of("gemma4", "<|channel>thought\na<channel|>b", "R a", "T b"),
        Of("gemma4", "<|channel>thought\n<channel|>b", "T b"),
        Of("longcat", "<longcat_think>a</longcat_think>b", "R a", "T b"),
        Of("k2_horizon", "<ifm|think_fast>\na\n</ifm|think_fast>\n\nb", "R a", "T b"),
        Of("solar_open2", "<|think:start|>a<|think:end|>b", "R a", "T b"),
        Of("plamo3", "<|plamo:begin_think:plamo|>a<|plamo:end_think:plamo|>b", "R a", "T b"),
        Of("inkling", "<|content_thinking|>a<|end_message|><|message_model|><|content_text|>b<|end_message|>", "R a", "T b"),
    ];

    private static OutputCase Of(string name, string output, params string[] expected) => new(output, output, expected)
    {
        Tools = OutputFormat.ToolParsers.Contains(name) ? name : "none",
        Reasoning = OutputFormat.ReasoningParsers.Contains(name) ? name : "none",
    };
}

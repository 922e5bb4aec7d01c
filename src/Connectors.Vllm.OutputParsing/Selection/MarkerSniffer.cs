using Connectors.Vllm.OutputParsing.Formats;

namespace Connectors.Vllm.OutputParsing.Selection;

/// <summary>What the markers in the template and the vocabulary say. The first row that fits counts: several families share a marker.</summary>
internal static class MarkerSniffer
{
    private static readonly (string[] All, string Name)[] TemplateRows =
    [
        (["｜DSML｜ calls"], "deepseek_v41"),
        (["｜DSML｜", "function_calls"], "deepseek_v32"),
        (["｜DSML｜"], "deepseek_v4"),
        (["<ifm|tool_calls>"], "k2_horizon"),
        (["<|tool_arg:start|>"], "solar_open2"),
        (["<atem:function_calls>"], "muse_glimmer"),
        (["<|plamo:begin_tool_requests"], "plamo3"),
        (["<|start|>assistant", "<|channel|>"], "openai"),
        (["]<]minimax[>["], "minimax_m3"),
        (["<minimax:tool_call>"], "minimax_m2"),
        (["<seed:tool_call>"], "seed_oss"),
        (["<longcat_tool_call>"], "longcat"),
        (["<dots_function_call>"], "dots"),
        (["<cofl:"], "cohere_cofl"),
        (["<|START_ACTION|>"], "cohere_command3"),
        (["<|open|>", "<|sep|>"], "kimi_k3"),
        (["<|tool_calls_section_begin|>"], "kimi_k2"),
        (["<|content_invoke_tool_json|>"], "inkling"),
        (["<tool_sep"], "hy_v3"),
        (["<tool_calls", "<arg_key"], "hy_v4"),
        (["<assistant>", "<arg_key>"], "poolside_v1"),
        (["<tool_call>", "<arg_key>"], "glm47"),
        (["<function name=", "<param name="], "minicpm5"),
        (["<function=", "<parameter="], "qwen3_coder"),
        (["<function=", "</function>"], "qwen3_coder"),
        (["<|tools_prefix|>"], "apertus"),
        (["<|tool_call_start|>"], "lfm2"),
        (["<|tool_list_start|>"], "lfm2"),
        (["<start_function_call>"], "functiongemma"),
        (["<|tool_call>", "call:"], "gemma4"),
        (["<|tool_call|>"], "granite"),
        (["<function_call> "], "granite"),
        (["<tool_calls>["], "jamba"),
        (["<tool_call>"], "hermes"),
        (["<｜tool▁calls▁begin｜>", "```json"], "deepseek_v3"),
        (["<｜tool▁calls▁begin｜>"], "deepseek_v31"),
        (["steptml:"], "step3"),
        (["<｜tool_calls_begin｜>"], "step3"),
        (["[TOOL_CALLS]"], "mistral"),
        (["<function_calls>"], "olmo3"),
        (["<|python_start|>"], "llama4_pythonic"),
        (["<|python_tag|>"], "llama3_json"),
        (["\"parameters\": dictionary of argument name"], "llama3_json"),
        (["functools["], "phi4_mini_json"),
        (["<|action_start|>"], "internlm"),
        (["<|function_call|>"], "gigachat3"),
        (["<tool_calls>"], "jamba"),
        (["<TOOLCALL>"], "nemotron_nano_v2"),
        (["<|tool_calls|>"], "sarashina"),
    ];

    // Tokens that one family has and no other.
    private static readonly (string[] All, string Name)[] VocabularyRows =
    [
        (["<|tool_calls_section_begin|>"], "kimi_k2"),
        (["｜DSML｜"], "deepseek_v32"),
        (["<|start|>", "<|channel|>", "<|message|>", "<|call|>"], "openai"),
        (["<minimax:tool_call>"], "minimax_m2"),
        (["]<]minimax[>["], "minimax_m3"),
        (["<seed:tool_call>"], "seed_oss"),
        (["<|START_ACTION|>"], "cohere_command3"),
        (["<|content_invoke_tool_json|>"], "inkling"),
        (["<arg_key>", "<tool_call>"], "glm47"),
        (["<|tool_call>"], "gemma4"),
        (["<start_function_call>"], "functiongemma"),
        (["<｜tool▁calls▁begin｜>"], "deepseek_v31"),
        (["[TOOL_CALLS]"], "mistral"),
        (["<|tools_prefix|>"], "apertus"),
        (["<|action_start|>"], "internlm"),
        (["<|tool_arg:start|>"], "solar_open2"),
        (["<|tool_call_start|>"], "lfm2"),
        (["<|python_start|>"], "llama4_pythonic"),
        (["<|python_tag|>"], "llama3_json"),
        (["<tool_call>"], "hermes"),
    ];

    private static readonly (string[] All, string Name)[] ReasoningRows =
    [
        (["<ifm|think"], "k2_horizon"),
        (["<|plamo:begin_think"], "plamo3"),
        (["<longcat_think>"], "longcat"),
        (["<|think:start|>"], "solar_open2"),
        (["<mm:think>"], "minimax_m3"),
        (["<seed:think>"], "seed_oss"),
        (["[THINK]"], "mistral"),
        (["◁think▷"], "kimi"),
        (["<|START_THINKING|>"], "cohere_cmd"),
        (["<|content_thinking|>"], "inkling"),
        (["<|channel>"], "gemma4"),
        (["<|open|>", "think"], "kimi_k3"),
        (["Here is my thought process"], "granite"),
        (["Here's my thought process"], "granite"),
        (["<think>"], "qwen3"),
        (["</think>"], "qwen3"),
    ];

    public static (string Name, string Why)? Tools(OutputFormatHints hints) =>
        In(hints.ChatTemplate, TemplateRows) ?? In(hints.FindToken, VocabularyRows);

    public static (string Name, string Why)? Reasoning(OutputFormatHints hints)
    {
        var found = In(hints.ChatTemplate, ReasoningRows) ?? In(hints.FindToken, ReasoningRows.Where(row => row.All.Length == 1));
        if (found is not { Name: "qwen3" } think)
        {
            return found;
        }

        // The family decides what may stand in and around reasoning.
        var family = Tools(hints)?.Name is { } tools ? FormatTable.FindTools(tools)?.Id : null;
        return family switch
        {
            "glm45" or "glm47" => ("glm45", think.Why),
            "deepseek_v3" or "deepseek_v31" or "deepseek_v32" => ("deepseek_v3", think.Why),
            "kimi_k2" or "minimax_m2" or "deepseek_v4" or "mimo" or "step3" or "ernie45" or "hunyuan_a13b" or "olmo3" or "poolside_v1" or "hy_v3"
                or "hy_v4" => (family, think.Why),
            _ => found,
        };
    }

    private static (string Name, string Why)? In(string? template, (string[] All, string Name)[] rows) => string.IsNullOrEmpty(template)
        ? null
        : First(rows, marker => template.Contains(marker, StringComparison.Ordinal), "chat template");

    private static (string Name, string Why)? In(Func<string, int?>? findToken, IEnumerable<(string[] All, string Name)> rows) => findToken is null
        ? null
        : First(rows, marker => findToken(marker) is >= 0, "vocabulary");

    private static (string Name, string Why)? First(IEnumerable<(string[] All, string Name)> rows, Predicate<string> isThere, string place)
    {
        foreach (var (all, name) in rows)
        {
            if (Array.TrueForAll(all, isThere))
            {
                return (name, $"the {place} holds '{all[0]}'");
            }
        }

        return null;
    }
}

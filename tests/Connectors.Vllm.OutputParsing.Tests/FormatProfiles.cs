using System.Text;
using System.Text.Json.Nodes;
using static Connectors.Vllm.OutputParsing.Tests.FormatProfile;

namespace Connectors.Vllm.OutputParsing.Tests;

/// <summary>A profile for every format.</summary>
internal static class FormatProfiles
{
    private const string Bar = "｜";

    public static IReadOnlyList<FormatProfile> All { get; } =
    [
        new("hermes", "qwen3", Each("\n", (name, args) => $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {Json(args)}}}\n</tool_call>"))
            { Closer = "</tool_call>", Opener = "<tool_call>" },
        new("longcat", "longcat",
            Each("\n", (name, args) => $"<longcat_tool_call>{{\"name\": \"{name}\", \"arguments\": {Json(args)}}}</longcat_tool_call>"))
            { Closer = "</longcat_tool_call>", Opener = "<longcat_tool_call>" },
        new("qwen3_coder", "qwen3", Each("\n", (name, args) => Coder("tool_call", name, args, "\n")))
            { Closer = "</parameter>", Opener = "<function=" },
        new("mimo", "mimo", Each("\n", (name, args) => Coder("tool_call", name, args, ""))) { Closer = "</parameter>", Opener = "<tool_call>" },
        new("seed_oss", "seed_oss", Each("\n", (name, args) => Coder("seed:tool_call", name, args, "")))
            { Closer = "</function>", Think = thought => $"<seed:think>{thought}</seed:think>" },
        new("deepseek_v32", "deepseek_v32", Dsml("", "function_calls"))
            { Closer = $"</{Bar}DSML{Bar}parameter>", Opener = $"<{Bar}DSML{Bar}invoke name=\"x\">" },
        new("deepseek_v4", "deepseek_v4", Dsml("", "tool_calls")) { Closer = "</parameter>" },
        new("deepseek_v41", "deepseek_v41", Dsml(" ", "calls")) { Closer = $"</{Bar}DSML{Bar} invoke>" },
        new("minimax_m2", "minimax_m2",
            Wrapped("<minimax:tool_call>\n", (name, args) => Invoke("invoke", "parameter", name, args), "\n", "\n</minimax:tool_call>"))
            { Closer = "</parameter>" },
        new("step3", "step3", Wrapped($"<{Bar}tool_calls_begin{Bar}>", (name, args) =>
            $"<{Bar}tool_call_begin{Bar}>function<{Bar}tool_sep{Bar}>{Invoke("steptml:invoke", "steptml:parameter", name, args)}<{Bar}tool_call_en"
                + $"d{Bar}>", "", $"<{Bar}tool_calls_end{Bar}>"))
            { Closer = "</steptml:parameter>" },
        new("dots", "dots",
            Wrapped("<dots_function_call>\n", (name, args) => Invoke("invoke", "parameter", name, args), "\n", "\n</dots_function_call>"))
            { Closer = "</parameter>" },
        new("minicpm5", "minicpm5",
            Each("\n", (name, args) =>
                $"<function name=\"{name}\">{Params(args, (key, value) => $"<param name=\"{key}\">{Escape(Raw(value))}</param>")}</function>")),
        new("cohere_cofl", "cohere_cmd", Wrapped("<cofl:tool_calls>", (name, args) =>
            $"<cofl:tool_call id=\"0\" name=\"{name}\">{Params(args, (key, value) => $"<cofl:value name=\"{key}\">{Raw(value)}</cofl:value>")}</cof"
                + "l:tool_call>", "", "</cofl:tool_calls>"))
            { Untyped = true, Closer = "</cofl:value>", Think = CohereThink, Say = text => $"<|START_TEXT|>{text}<|END_TEXT|>" },
        new("openai", "openai_gptoss",
            Each("<|start|>assistant", (name, args) => $"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{Json(args)}<|call|>"))
            { Think = thought => $"<|channel|>analysis<|message|>{thought}<|end|><|start|>assistant",
                Say = text => $"<|channel|>final<|message|>{text}<|end|><|start|>assistant" },
        new("muse_glimmer", "muse_glimmer", calls => " to=functions<|message|>"
            + Wrapped("<atem:function_calls>\n", (name, args) => Invoke("atem:invoke", "atem:parameter", name, args), "\n",
                "\n</atem:function_calls>")(calls) + "<|eom|>")
            { Think = thought => $" to=self<|message|>{thought}<|eom|><|start|>assistant",
                Say = text => $" to=user<|message|>{text}<|eot|><|start|>assistant", Closer = "</atem:parameter>" },
        new("glm45", "glm45", Each("\n", (name, args) => Glm(name, args, "\n"))) { Closer = "</arg_value>", Opener = "<tool_call>" },
        new("glm47", "glm47", Each("", (name, args) => Glm(name, args, ""))) { Closer = "</tool_call>", Opener = "<arg_key>" },
        new("ling3", "ling3", Each("", (name, args) => Glm(name, args, ""))) { Closer = "</arg_value>" },
        new("poolside_v1", "poolside_v1", Each("\n", (name, args) => Glm(name, args, "\n"))) { Closer = "</arg_value>" },
        new("hy_v3", "hy_v3", Wrapped("<tool_calls>\n", (name, args) =>
            $"<tool_call>{name}<tool_sep>\n{Params(args, (key, value) => $"<arg_key>{key}</arg_key>\n<arg_value>{Raw(value)}</arg_value>\n")}</tool"
                + "_call>", "\n", "\n</tool_calls>")) { Closer = "</arg_value>" },
        new("hy_v4", "hy_v4", Wrapped("<tool_calls>", (name, args) => Glm(name, args, ""), "", "</tool_calls>")) { Closer = "</tool_call>" },
        new("k2_horizon", "k2_horizon", Wrapped("<ifm|tool_calls>", (name, args) =>
            $"<ifm|tool_call"
                + $">{name}\n{Params(args, (key, value) => $"<ifm|arg_key>{key}</ifm|arg_key><ifm|arg_type>{Type(value)}</ifm|arg_type><ifm|arg_value>{Raw(value)}</ifm|arg_value>")}</ifm|tool_call>", "", "</ifm|tool_calls>"))
            { Closer = "</ifm|arg_value>", Think = thought => $"<ifm|think_fast>\n{thought}\n</ifm|think_fast>\n\n" },
        new("kimi_k2", "kimi_k2", Wrapped("<|tool_calls_section_begin|>", (name, args) =>
            $"<|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>{Json(args)}<|tool_call_end|>", "", "<|tool_calls_section_end|>"))
                { Closer = "<|tool_call_end|>" },
        new("deepseek_v31", "deepseek_v31", Wrapped($"<{Bar}tool▁calls▁begin{Bar}>", (name, args) =>
            $"<{Bar}tool▁call▁begin{Bar}>{name}<{Bar}tool▁sep{Bar}>{Json(args)}<{Bar}tool▁call▁end{Bar}>", "", $"<{Bar}tool▁calls▁end{Bar}>"))
                { Closer = $"<{Bar}tool▁call▁end{Bar}>" },
        new("deepseek_v3", "deepseek_r1", Wrapped($"<{Bar}tool▁calls▁begin{Bar}>", (name, args) =>
            $"<{Bar}tool▁call▁begin{Bar}>function<{Bar}tool▁sep{Bar}>{name}\n```json\n{Json(args)}\n```<{Bar}tool▁call▁end{Bar}>", "\n",
            $"<{Bar}tool▁calls▁end{Bar}>")) { Closer = "```" },
        new("mistral", "mistral", Each("", (name, args) => $"[TOOL_CALLS]{name}[ARGS]{Json(args)}"))
            { Opener = "[TOOL_CALLS]", Think = thought => $"[THINK]{thought}[/THINK]" },
        new("mistral", "mistral", calls => "[TOOL_CALLS] " + Array(calls, "name", "arguments"))
            { Opener = "[TOOL_CALLS]", Think = thought => $"[THINK]{thought}[/THINK]" },
        new("plamo3", "plamo3", Wrapped("<|plamo:begin_tool_requests:plamo|>", (name, args) =>
            $"<|plamo:begin_tool_request:plamo|><|plamo:begin_tool_name:plamo|>{name}<|plamo:end_tool_name:plamo|><|plamo:begin_tool_arguments:plam"
                + $"o|><|plamo:constrain|>json<|plamo:msg|>{Json(args)}<|plamo:end_tool_arguments:plamo|><|plamo:end_tool_request:plamo|>",
            "", "<|plamo:end_tool_requests:plamo|>")) { Think = thought => $"<|plamo:begin_think:plamo|>{thought}<|plamo:end_think:plamo|>" },
        new("llama3_json", "none", Each("; ", (name, args) => $"{{\"name\": \"{name}\", \"parameters\": {Json(args)}}}"))
            { OnlyAtStart = true, OnlyDeclared = true, Reasoning = "qwen3" },
        new("granite", "granite", calls => "<|tool_call|>" + Array(calls, "name", "arguments"))
            { Think = thought => $"Here is my thought process:\n{thought}\nHere is my response:\n" },
        new("phi4_mini_json", "qwen3", calls => "functools" + Array(calls, "name", "arguments")),
        new("cohere_command3", "cohere_cmd", calls => "<|START_ACTION|>" + Array(calls, "tool_name", "parameters") + "<|END_ACTION|>")
            { Closer = "<|END_ACTION|>", Think = CohereThink, Say = text => $"<|START_RESPONSE|>{text}<|END_RESPONSE|>" },
        new("internlm", "qwen3",
            Each("\n", (name, args) => $"<|action_start|><|plugin|>\n{{\"name\": \"{name}\", \"parameters\": {Json(args)}}}<|action_end|>"))
            { Closer = "<|action_end|>" },
        new("jamba", "qwen3", calls => "<tool_calls>" + Array(calls, "name", "arguments") + "</tool_calls>") { Closer = "</tool_calls>" },
        new("hunyuan_a13b", "hunyuan_a13b", calls => "<tool_calls>" + Array(calls, "name", "arguments") + "</tool_calls>")
            { Closer = "</tool_calls>", Think = thought => $"<think>\n{thought}\n</think>\n", Say = text => $"<answer>\n{text}\n</answer>" },
        new("nemotron_nano_v2", "qwen3", calls => "<TOOLCALL>" + Array(calls, "name", "arguments") + "</TOOLCALL>") { Closer = "</TOOLCALL>" },
        new("xlam", "qwen3", calls => Array(calls, "name", "arguments")) { OnlyAtStart = true, OnlyDeclared = true },
        new("apertus", "qwen3", calls => "<|tools_prefix|>"
            + new JsonArray([.. calls.Select(call => new JsonObject { [call.Name] = call.Arguments.DeepClone() })]).ToJsonString(Relaxed)
            + "<|tools_suffix|>")
            { Closer = "<|tools_suffix|>" },
        new("gigachat3", "qwen3", Each("", (name, args) => $"<|function_call|>{{\"name\": \"{name}\", \"arguments\": {Json(args)}}}")),
        new("ernie45", "ernie45", Each("\n", (name, args) => $"<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {Json(args)}}}\n</tool_call>"))
            { Closer = "</tool_call>", Say = text => $"<response>\n{text}\n</response>\n" },
        new("inkling", "inkling",
            Each("", (
                name, args) => $"<|message_model|>{name}<|content_invoke_tool_json|>{{\"name\": \"{name}\", \"args\": {Json(args)}}}<|end_message|>"))
            { Closer = "<|end_message|>", Think = thought => $"<|message_model|><|content_thinking|>{thought}<|end_message|>",
                Say = text => $"<|message_model|><|content_text|>{text}<|end_message|>" },
        new("pythonic", "qwen3", Python("[", ", ", "]")) { OnlyAtStart = true, OnlyDeclared = true },
        new("llama4_pythonic", "qwen3", Python("<|python_start|>[", ", ", "]<|python_end|>")) { Closer = "<|python_end|>" },
        new("olmo3", "olmo3", Python("<function_calls>\n", "\n", "\n</function_calls>")) { Closer = "</function_calls>" },
        new("lfm2", "lfm2", Python("<|tool_call_start|>[", ", ", "]<|tool_call_end|>")) { Closer = "<|tool_call_end|>" },
        new("sarashina", "qwen3", calls => "<|tool_calls|>["
            + string.Join(", ", calls.Select(call => $"{{'name': '{call.Name}', 'arguments': {PythonValue(call.Arguments)}}}")) + "]")
            { Closer = "]" },
        new("solar_open2", "solar_open2", Each("\n", (name, args) =>
            $"<|tool_call:start|"
                + $">{name}\n{Params(args, (key, value) => $"<|tool_arg:start|>{key}<|tool_arg:value|>{Raw(value)}<|tool_arg:end|>\n")}<|tool_call:"
                + "end|>"))
            { Closer = "<|tool_arg:end|>", Opener = "<|tool_call:start|>", Think = thought => $"<|think:start|>{thought}<|think:end|>" },
        new("gemma4", "gemma4", Each("", (name, args) => $"<|tool_call>call:{name}{Dict(args, "<|\"|>")}<tool_call|>"))
            { Closer = "<tool_call|>", Think = thought => $"<|channel>thought\n{thought}\n<channel|>" },
        new("functiongemma", "qwen3", Each("", (name, args) => $"<start_function_call>call:{name}{Dict(args, "<escape>")}<end_function_call>"))
            { Closer = "<end_function_call>" },
        new("kimi_k3", "kimi_k3", calls => Wrapped("<|open|>tools<|sep|>", (name, args) =>
            $"<|open|>call tool=\"{name}\" index=\"1\"<|sep|"
                + $">{Params(args, (key, value) => $"<|open|>argument key=\"{key}\" type=\"{Type(value)}\"<|sep|>{Raw(value)}<|close|>argument<|sep|>")}<|close|>call<|sep|>", "", "<|close|>tools<|sep|>")(calls))
            { Think = thought => $"<|open|>think<|sep|>{thought}<|close|>think<|sep|>",
                Say = text => $"<|open|>response<|sep|>{text}<|close|>response<|sep|>" },
        new("minimax_m3", "minimax_m3", Wrapped("]<]minimax[>[<tool_call>", (name, args) =>
            $"]<]minimax[>[<invoke name=\"{name}\">{Params(args, (key, value) => $"]<]minimax[>[<{key}>{Raw(value)}]<]minimax[>[</{key}>")}]<]minim"
                + "ax[>[</invoke>", "", "]<]minimax[>[</tool_call>"))
            { Closer = "</invoke>", Think = thought => $"<mm:think>{thought}</mm:think>" },
    ];

    private static string CohereThink(string thought) => $"<|START_THINKING|>{thought}<|END_THINKING|>";

    private static Func<IReadOnlyList<(string Name, JsonObject Arguments)>, string> Each(string separator, Func<string, JsonObject, string> one) =>
        calls => string.Join(separator, calls.Select(call => one(call.Name, call.Arguments)));

    private static Func<IReadOnlyList<(string Name, JsonObject Arguments)>, string> Wrapped(
        string open, Func<string, JsonObject, string> one, string separator, string close) =>
        calls => open + string.Join(separator, calls.Select(call => one(call.Name, call.Arguments))) + close;

    private static string Params(JsonObject args, Func<string, JsonNode?, string> one) =>
        string.Concat(args.Select(pair => one(pair.Key, pair.Value)));

    private static string Coder(string wrapper, string name, JsonObject args, string newline) =>
        $"<{wrapper}>\n<function={name}>\n{Params(args, (key, value) => $"<parameter={key}>{newline}{Raw(value)}{newline}</parameter>\n")}</functio"
            + $"n>\n</{wrapper}>";

    private static Func<IReadOnlyList<(string Name, JsonObject Arguments)>, string> Dsml(string space, string wrapper)
    {
        var mark = $"{Bar}DSML{Bar}{space}";
        return calls => $"\n\n<{mark}{wrapper}>\n" + string.Join('\n', calls.Select(call => $"<{mark}invoke name=\"{call.Name}\">\n"
            + Params(
                call.Arguments, (key, value) =>
                $"<{mark}parameter name=\"{key}\" string=\"{(Type(value) == "string" ? "true" : "false")}\">{Raw(value)}</{mark}parameter>\n")
            + $"</{mark}invoke>")) + $"\n</{mark}{wrapper}>";
    }

    private static string Invoke(string invoke, string parameter, string name, JsonObject args) =>
        $"<{invoke} name=\"{name}\">\n{Params(args, (key, value) => $"<{parameter} name=\"{key}\">{Raw(value)}</{parameter}>\n")}</{invoke}>";

    private static string Glm(string name, JsonObject args, string newline) =>
        $"<tool_call>{name}{newline}{Params(args, (key, value) => $"<arg_key>{key}</arg_key>{newline}<arg_value>{Raw(value)}</arg_value>{newline}")}</tool_call>";

    private static string Array(IReadOnlyList<(string Name, JsonObject Arguments)> calls, string nameKey, string argumentsKey) =>
        new JsonArray(
            [.. calls.Select(call => new JsonObject { [nameKey] = call.Name, [argumentsKey] = call.Arguments.DeepClone() })]).ToJsonString(Relaxed);

    private static Func<IReadOnlyList<(string Name, JsonObject Arguments)>, string> Python(string open, string separator, string close) =>
        calls => open
            + string.Join(
                separator,
                calls.Select(call => $"{call.Name}({string.Join(", ", call.Arguments.Select(pair => $"{pair.Key}={PythonValue(pair.Value)}"))})"))
                + close;

    private static string PythonValue(JsonNode? value) => value switch
    {
        JsonObject map => "{" + string.Join(", ", map.Select(pair => $"'{pair.Key}': {PythonValue(pair.Value)}")) + "}",
        JsonArray list => "[" + string.Join(", ", list.Select(PythonValue)) + "]",
        JsonValue text when text.TryGetValue<string>(out var raw) =>
            "'" + raw.Replace("\\", "\\\\").Replace("'", "\\'").Replace("\n", "\\n").Replace("\r", "\\r") + "'",
        JsonValue truth when truth.TryGetValue<bool>(out var flag) => flag ? "True" : "False",
        _ => Json(value),
    };

    private static string Dict(JsonNode? value, string delimiter) => value switch
    {
        JsonObject map => "{" + string.Join(",", map.Select(pair => $"{pair.Key}:{Dict(pair.Value, delimiter)}")) + "}",
        JsonArray list => "[" + string.Join(",", list.Select(item => Dict(item, delimiter))) + "]",
        JsonValue text when text.TryGetValue<string>(out var raw) => delimiter + raw + delimiter,
        _ => Json(value),
    };

    private static string Escape(string text) =>
        new StringBuilder(text).Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("\"", "&quot;").ToString();
}

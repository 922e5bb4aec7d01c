using static Connectors.Vllm.OutputParsing.ConstraintJson;
using JsonObject = System.Text.Json.Nodes.JsonObject;

namespace Connectors.Vllm.OutputParsing;

/// <summary>The structural tags of the formats: the shapes that xgrammar's own builder makes for each family.</summary>
internal static class CallTags
{
    private static readonly string[] Think = ["<think>", "</think>"];

    public static JsonObject Hermes(CallTagRequest request) => Wrapped(
        request, "<tool_call>", tool => Tag($"<tool_call>\n{{\"name\": {Name(tool)}, \"arguments\": ", Schema(request.Schema(tool)), "}\n</tool_call>"), Think);

    public static JsonObject LongCat(CallTagRequest request) => Wrapped(
        request, "<longcat_tool_call>", tool => Tag($"<longcat_tool_call>\n{{\"name\": {Name(tool)}, \"arguments\": ", Schema(request.Schema(tool)), "}\n</longcat_tool_call>"), []);

    public static JsonObject QwenCoder(CallTagRequest request) => Wrapped(
        request, "<tool_call>\n<function=", tool => Tag($"<tool_call>\n<function={tool.Name}>\n", Schema(request.Schema(tool), "qwen_xml"), "\n</function>\n</tool_call>"), Think);

    public static JsonObject Mimo(CallTagRequest request) => Wrapped(
        request, "<tool_call>", tool => Tag($"<tool_call><function={tool.Name}>", Schema(request.Schema(tool), "qwen_xml"), "</function></tool_call>"),
        [.. Think, "</tool_call>", "<function="]);

    public static JsonObject Glm(CallTagRequest request) => Wrapped(
        request, "<tool_call>", tool => Tag($"<tool_call>{tool.Name}", Schema(request.Schema(tool), "glm_xml"), "</tool_call>"),
        [.. Think, "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"]);

    public static JsonObject Llama(CallTagRequest request) => Wrapped(
        request, "{\"name\": ", tool => Tag($"{{\"name\": {Name(tool)}, \"parameters\": ", Schema(request.Schema(tool)), "}"), []);

    public static JsonObject DeepSeekV31(CallTagRequest request) => Section(
        request, "<｜tool▁calls▁begin｜>", "", "", tool => Tag($"<｜tool▁call▁begin｜>{tool.Name}<｜tool▁sep｜>", Schema(request.Schema(tool)), "<｜tool▁call▁end｜>"),
        "<｜tool▁calls▁end｜>");

    public static JsonObject DeepSeekV3(CallTagRequest request) => Section(
        request, "<｜tool▁calls▁begin｜>", "", "\n",
        tool => Tag($"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{tool.Name}\n```json\n", Schema(request.Schema(tool)), "\n```<｜tool▁call▁end｜>"),
        "<｜tool▁calls▁end｜>");

    public static JsonObject Dsml(CallTagRequest request, string wrapper, string space, string style) => Sequential(
        request, $"<｜DSML｜{space}{wrapper}>", "\n\n", "\n",
        tool => Tag($"<｜DSML｜{space}invoke name=\"{tool.Name}\">\n", Schema(request.Schema(tool), style), $"</｜DSML｜{space}invoke>\n"),
        $"</｜DSML｜{space}{wrapper}>");

    public static JsonObject MinimaxM2(CallTagRequest request) => Sequential(
        request, "<minimax:tool_call>", "\n", "\n",
        tool => Tag($"<invoke name=\"{tool.Name}\">\n", Schema(request.Schema(tool), "minimax_xml"), "</invoke>\n"),
        "</minimax:tool_call>");

    public static JsonObject KimiK2(CallTagRequest request) => Sequential(
        request, "<|tool_calls_section_begin|>", "", "",
        tool => Tag($"<|tool_call_begin|>functions.{tool.Name}:", Sequence(Regex("\\d+"), Const("<|tool_call_argument_begin|>"), Schema(request.Schema(tool))), "<|tool_call_end|>"),
        "<|tool_calls_section_end|>");

    public static JsonObject Plamo3(CallTagRequest request) => Section(
        request, "<|plamo:begin_tool_requests:plamo|>", "", "",
        tool => Tag(
            $"<|plamo:begin_tool_request:plamo|><|plamo:begin_tool_name:plamo|>{tool.Name}<|plamo:end_tool_name:plamo|><|plamo:begin_tool_arguments:plamo|><|plamo:constrain|>json<|plamo:msg|>",
            Schema(request.Schema(tool)), "<|plamo:end_tool_arguments:plamo|><|plamo:end_tool_request:plamo|>"),
        "<|plamo:end_tool_requests:plamo|>");

    /// <summary>By name where the vocabulary has <c>[ARGS]</c>, as an array in older models.</summary>
    public static JsonObject Mistral(CallTagRequest request)
    {
        if (request.HasToken("[ARGS]"))
        {
            return Wrapped(request, "[TOOL_CALLS]", tool => Tag($"[TOOL_CALLS]{tool.Name}[ARGS]", Schema(request.Schema(tool)), ""), []);
        }

        return Section(request, "[TOOL_CALLS] [", "", ", ", tool => Tag($"{{\"name\": {Name(tool)}, \"arguments\": ", Schema(request.Schema(tool)), "}"), "]");
    }

    /// <summary>
    /// A thought and a preamble may come first; the recipient may stand before or behind the channel. End markers that stop generation cannot be in a
    /// grammar, hence the empty end.
    /// </summary>
    public static JsonObject Harmony(CallTagRequest request)
    {
        var tags = new List<JsonObject>();
        foreach (var tool in request.Tools)
        {
            foreach (var channel in (ReadOnlySpan<string>)["commentary", "analysis", "final"])
            {
                foreach (var type in (ReadOnlySpan<string>)[" json", " <|constrain|>json"])
                {
                    tags.Add(Tag($" to=functions.{tool.Name}<|channel|>{channel}{type}<|message|>", Schema(request.Schema(tool)), "<|end|>", ""));
                    tags.Add(Tag($"<|channel|>{channel} to=functions.{tool.Name}{type}<|message|>", Schema(request.Schema(tool)), "<|end|>", ""));
                }
            }
        }

        if (!request.IsForced)
        {
            foreach (var type in (ReadOnlySpan<string>)["", " json", " <|constrain|>json"])
            {
                tags.Add(Tag($"<|channel|>final{type}<|message|>", AnyText(), "<|end|>", ""));
            }
        }

        return HarmonyMessages(Or([.. tags]), preamble: true);
    }

    /// <summary>An answer of gpt-oss: a thought, then the final message.</summary>
    public static JsonObject HarmonyAnswer(JsonObject answer) => HarmonyMessages(
        Or(Tag("<|channel|>final json<|message|>", (JsonObject)answer.DeepClone(), "<|end|>", ""), Tag("<|channel|>final <|constrain|>json<|message|>", answer, "<|end|>", "")),
        preamble: false);

    private static JsonObject HarmonyMessages(JsonObject last, bool preamble)
    {
        JsonObject Before(string channel) => Optional(Sequence(Tag($"<|channel|>{channel}<|message|>", AnyText(), "<|end|>"), Const("<|start|>assistant")));
        return preamble ? Sequence(Before("analysis"), Before("commentary"), last) : Sequence(Before("analysis"), last);
    }

    /// <summary>Every call in a wrapper of its own.</summary>
    private static JsonObject Wrapped(CallTagRequest request, string trigger, Func<OutputTool, JsonObject> tag, string[] excludes) =>
        request.Choice.Kind == OutputToolChoiceKind.Named ? tag(request.Tools[0]) : Triggered(trigger, request.Tools.Select(tag), request, excludes);

    /// <summary>All calls in one tag.</summary>
    private static JsonObject Section(CallTagRequest request, string open, string afterOpen, string separator, Func<OutputTool, JsonObject> tag, string close)
    {
        var section = Tag(open + afterOpen, Separated(separator, request.Tools.Select(tag), request), close);
        return request.IsForced ? section : Triggered(open, [section], request);
    }

    /// <summary>All calls between two constants.</summary>
    private static JsonObject Sequential(CallTagRequest request, string open, string before, string after, Func<OutputTool, JsonObject> tag, string close) =>
        request.IsForced
            ? Sequence(Const(before + open + after), Separated("", request.Tools.Select(tag), request), Const(close))
            : Triggered(open, [Tag(open + after, Separated("", request.Tools.Select(tag), request), close)], request);

    private static string Name(OutputTool tool) => JsonText.Quote(tool.Name);
}

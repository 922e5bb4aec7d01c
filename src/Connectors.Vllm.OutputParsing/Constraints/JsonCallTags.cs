using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Constraints.TagElements;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>Formats whose arguments are JSON. The big ones have the shapes that xgrammar's own builder makes for them.</summary>
internal static class JsonCallTags
{
    private static readonly string[] Think = ["<think>", "</think>"];

    public static readonly CallTag Hermes = Element("tool_call") with { Excludes = Think };

    public static readonly CallTag LongCat = Element("longcat_tool_call");

    public static readonly CallTag Llama = new() { Trigger = "{\"name\": ", Begin = name => Object(name, "parameters"), End = "}" };

    public static readonly CallTag DeepSeekV31 = new()
    {
        Open = "<｜tool▁calls▁begin｜>",
        Begin = name => $"<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>",
        End = "<｜tool▁call▁end｜>",
        Close = "<｜tool▁calls▁end｜>",
    };

    public static readonly CallTag DeepSeekV3 = DeepSeekV31 with
    {
        Separator = "\n",
        Begin = name => $"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n",
        End = "\n```<｜tool▁call▁end｜>",
    };

    public static readonly CallTag KimiK2 = new()
    {
        Open = "<|tool_calls_section_begin|>",
        Begin = name => $"<|tool_call_begin|>functions.{name}:",
        Number = _ => [Regex("\\d+"), Const("<|tool_call_argument_begin|>")],
        End = "<|tool_call_end|>",
        Close = "<|tool_calls_section_end|>",
    };

    public static readonly CallTag Plamo3 = new()
    {
        Open = "<|plamo:begin_tool_requests:plamo|>",
        Begin = name => $"<|plamo:begin_tool_request:plamo|><|plamo:begin_tool_name:plamo|>{name}<|plamo:end_tool_name:plamo|>"
            + "<|plamo:begin_tool_arguments:plamo|><|plamo:constrain|>json<|plamo:msg|>",
        End = "<|plamo:end_tool_arguments:plamo|><|plamo:end_tool_request:plamo|>",
        Close = "<|plamo:end_tool_requests:plamo|>",
    };

    private static readonly CallTag Granite30 = Array("<|tool_call|>", "");

    private static readonly CallTag Granite31 = Array("<tool_call>", "");

    public static readonly CallTag Phi4Mini = Array("functools", "");

    public static readonly CallTag Jamba = Array("<tool_calls>", "</tool_calls>");

    public static readonly CallTag NemotronNanoV2 = Array("<TOOLCALL>", "</TOOLCALL>");

    public static readonly CallTag Apertus = Array("<|tools_prefix|>", "<|tools_suffix|>") with { Begin = name => $"{{{JsonText.Quote(name)}: " };

    public static readonly CallTag Cohere = new()
    {
        Open = "<|START_ACTION|>[\n    ",
        Trigger = "<|START_ACTION|>",
        Separator = ",\n    ",
        Begin = _ => "{\"tool_call_id\": \"",
        Number = name => [Regex("\\d+"), Const($"\", \"tool_name\": {JsonText.Quote(name)}, \"parameters\": ")],
        End = "}",
        Close = "\n]<|END_ACTION|>",
    };

    public static readonly CallTag InternLm2 = new()
    {
        Trigger = "<|action_start|>",
        Begin = name => $"<|action_start|><|plugin|>\n{Object(name, "parameters")}",
        End = "}<|action_end|>",
        Single = true,
    };

    public static readonly CallTag GigaChat3 = new()
    {
        Trigger = "<|function_call|>",
        Begin = name => "<|function_call|>" + Object(name, "arguments"),
        End = "}",
        Single = true,
    };

    private static readonly CallTag MistralByName = new() { Trigger = "[TOOL_CALLS]", Begin = name => $"[TOOL_CALLS]{name}[ARGS]", End = "" };

    private static readonly CallTag MistralArray = Array("[TOOL_CALLS] ", "");

    /// <summary>By name where the vocabulary has <c>[ARGS]</c>, as an array in older models.</summary>
    public static JsonObject Mistral(CallTagRequest request) => (request.HasToken("[ARGS]") ? MistralByName : MistralArray).Build(request);

    /// <summary>Granite 3.0 has a token for the marker that later models spell.</summary>
    public static JsonObject Granite(CallTagRequest request) => (request.HasToken("<|tool_call|>") ? Granite30 : Granite31).Build(request);

    private static CallTag Element(string name) => new()
    {
        Trigger = $"<{name}>",
        Begin = tool => $"<{name}>\n{Object(tool, "arguments")}",
        End = $"}}\n</{name}>",
    };

    private static CallTag Array(string open, string close) => new()
    {
        Open = open + "[",
        Separator = ", ",
        Begin = name => Object(name, "arguments"),
        End = "}",
        Close = "]" + close,
    };

    private static string Object(string name, string arguments) => $"{{\"name\": {JsonText.Quote(name)}, \"{arguments}\": ";
}

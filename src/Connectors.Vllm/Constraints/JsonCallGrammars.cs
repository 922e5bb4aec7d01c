using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.Constraints.ConstraintNode;

namespace Connectors.Vllm.Constraints;

/// <summary>Formats whose arguments are JSON.</summary>
internal static class JsonCallGrammars
{
    private static readonly string[] XlamOpeners = ["[TOOL_CALLS]", "<tool_call>"];
    private static readonly string[] Think = ["<think>", "</think>"];

    public static readonly CallGrammar Hermes = Element("tool_call") with { Excludes = Think };

    /// <summary>With or without line breaks around the JSON.</summary>
    public static readonly CallGrammar LongCat = new()
    {
        Trigger = "<longcat_tool_call>",
        Separator = "\n",
        Begin = name => Sequence("<longcat_tool_call>", Optional("\n"), Object(name, "arguments")),
        End = Sequence("}", Optional("\n"), "</longcat_tool_call>"),
    };

    public static readonly CallGrammar Llama = new()
    { Trigger = "{\"name\": ", Separator = "; ", Begin = name => Object(name, "parameters"), End = "}" };

    private static readonly CallGrammar XlamArray = Array("", "");

    public static readonly CallGrammar DeepSeekV31 = new()
    {
        Open = "<｜tool▁calls▁begin｜>",
        Begin = name => $"<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>",
        End = "<｜tool▁call▁end｜>",
        Close = "<｜tool▁calls▁end｜>",
    };

    public static readonly CallGrammar DeepSeekV3 = DeepSeekV31 with
    {
        Separator = "\n",
        Begin = name => $"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n",
        End = "\n```<｜tool▁call▁end｜>",
    };

    public static readonly CallGrammar KimiK2 = new()
    {
        Open = "<|tool_calls_section_begin|>",
        Begin = name => Sequence($"<|tool_call_begin|>functions.{name}:", Pattern("[0-9]+"), "<|tool_call_argument_begin|>"),
        End = "<|tool_call_end|>",
        Close = "<|tool_calls_section_end|>",
    };

    public static readonly CallGrammar Plamo3 = new()
    {
        Open = "<|plamo:begin_tool_requests:plamo|>",
        Begin = name => Literal($"<|plamo:begin_tool_request:plamo|><|plamo:begin_tool_name:plamo|>{name}<|plamo:end_tool_name:plamo|>"
            + "<|plamo:begin_tool_arguments:plamo|><|plamo:constrain|>json<|plamo:msg|>"),
        End = "<|plamo:end_tool_arguments:plamo|><|plamo:end_tool_request:plamo|>",
        Close = "<|plamo:end_tool_requests:plamo|>",
    };

    private static readonly CallGrammar Granite30 = Array("<|tool_call|>", "");

    private static readonly CallGrammar Granite31 = Array("<tool_call>", "");

    public static readonly CallGrammar Phi4Mini = Array("functools", "");

    public static readonly CallGrammar Jamba = Array("<tool_calls>", "</tool_calls>");

    public static readonly CallGrammar NemotronNanoV2 = Array("<TOOLCALL>", "</TOOLCALL>");

    public static readonly CallGrammar Apertus = Array("<|tools_prefix|>", "<|tools_suffix|>") with { Begin = name => $"{{{JsonText.Quote(name)}: " };

    public static readonly CallGrammar Cohere = new()
    {
        Open = "<|START_ACTION|>[\n    ",
        Trigger = "<|START_ACTION|>",
        Separator = ",\n    ",
        Begin = name => Sequence("{\"tool_call_id\": \"", Pattern("[0-9]+"), $"\", \"tool_name\": {JsonText.Quote(name)}, \"parameters\": "),
        End = "}",
        Close = "\n]<|END_ACTION|>",
    };

    public static readonly CallGrammar InternLm2 = new()
    {
        Trigger = "<|action_start|>",
        Begin = name => Sequence("<|action_start|><|plugin|>\n", Object(name, "parameters")),
        End = "}<|action_end|>",
        Single = true,
    };

    public static readonly CallGrammar GigaChat3 = new()
    {
        Trigger = "<|function_call|>",
        Begin = name => Sequence("<|function_call|>", Object(name, "arguments")),
        End = "}",
        Single = true,
    };

    private static readonly CallGrammar MistralByName = new() { Trigger = "[TOOL_CALLS]", Begin = name => $"[TOOL_CALLS]{name}[ARGS]", End = "" };

    private static readonly CallGrammar MistralArray = Array("[TOOL_CALLS] ", "");

    /// <summary>By name where the vocabulary has <c>[ARGS]</c>, as an array in older models.</summary>
    public static ConstraintNode Mistral(CallRequest request) => (request.HasToken("[ARGS]") ? MistralByName : MistralArray).Build(request);

    /// <summary>xLAM: an array that is the whole answer; other text does not begin as a call does.</summary>
    public static ConstraintNode Xlam(CallRequest request) => request.IsForced
        ? XlamArray.Build(request)
        : Choice(XlamArray.Together(request), Optional(Sequence(Pattern("[ \\n]*([^\\[{`< \\n]|\\[[^{\\[ \\n])"),
            new FreeTextNode([], true, XlamOpeners))));

    /// <summary>Granite 3.0 has a token for the marker that later models spell.</summary>
    public static ConstraintNode Granite(CallRequest request) => (request.HasToken("<|tool_call|>") ? Granite30 : Granite31).Build(request);

    private static CallGrammar Element(string name) => new()
    {
        Trigger = $"<{name}>",
        Separator = "\n",
        Begin = tool => Sequence($"<{name}>\n", Object(tool, "arguments")),
        End = $"}}\n</{name}>",
    };

    private static CallGrammar Array(string open, string close) => new()
    {
        Open = open + "[",
        Separator = ", ",
        Begin = name => Object(name, "arguments"),
        End = "}",
        Close = "]" + close,
    };

    private static ConstraintNode Object(string name, string arguments) => $"{{\"name\": {JsonText.Quote(name)}, \"{arguments}\": ";
}

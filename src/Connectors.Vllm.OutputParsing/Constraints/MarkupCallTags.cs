using System.Text.Json.Nodes;
using static Connectors.Vllm.OutputParsing.Constraints.TagElements;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>Formats whose arguments are markup: by xgrammar's style where it has one, else spelled out.</summary>
internal static class MarkupCallTags
{
    /// <summary>The token that announces every tag of MiniMax M3.</summary>
    public const string MinimaxM3Mark = "]<]minimax[>[";

    private static readonly string[] Think = ["<think>", "</think>"];
    private static readonly Func<ArgumentSchema, JsonObject> QwenXml = Styled("qwen_xml");
    private static readonly Func<ArgumentSchema, JsonObject> MinimaxXml = Styled("minimax_xml");

    public static readonly CallTag QwenCoder = new()
    {
        Trigger = "<tool_call>\n<function=",
        Begin = name => $"<tool_call>\n<function={name}>\n",
        Markup = QwenXml,
        End = "\n</function>\n</tool_call>",
        Excludes = Think,
    };

    public static readonly CallTag SeedOss = new()
    {
        Trigger = "<seed:tool_call>\n<function=",
        Begin = name => $"<seed:tool_call>\n<function={name}>\n",
        Markup = QwenXml,
        End = "\n</function>\n</seed:tool_call>",
    };

    public static readonly CallTag Mimo = new()
    {
        Trigger = "<tool_call>",
        Begin = name => $"<tool_call><function={name}>",
        Markup = QwenXml,
        End = "</function></tool_call>",
        Excludes = [.. Think, "</tool_call>", "<function="],
    };

    public static readonly CallTag Glm = new()
    {
        Trigger = "<tool_call>",
        Begin = name => $"<tool_call>{name}",
        Markup = Styled("glm_xml"),
        End = "</tool_call>",
        Excludes = [.. Think, "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"],
    };

    public static readonly CallTag DeepSeekV32 = Dsml("function_calls", "", "deepseek_xml");

    public static readonly CallTag DeepSeekV4 = Dsml("tool_calls", "", "deepseek_xml");

    public static readonly CallTag DeepSeekV41 = Dsml("calls", " ", "deepseek_v4_1_xml");

    public static readonly CallTag MinimaxM2 = new()
    {
        Lead = () => Const("\n"),
        Open = "<minimax:tool_call>\n",
        Trigger = "<minimax:tool_call>",
        Begin = name => $"<invoke name=\"{name}\">\n",
        Markup = MinimaxXml,
        End = "</invoke>\n",
        Close = "</minimax:tool_call>",
    };

    public static readonly CallTag Dots = new()
    {
        Open = "<dots_function_call>\n",
        Trigger = "<dots_function_call>",
        Begin = name => $"<invoke name=\"{name}\">\n",
        Markup = MinimaxXml,
        End = "\n</invoke>\n",
        Close = "</dots_function_call>",
    };

    public static readonly CallTag Step3 = new()
    {
        Open = "<｜tool_calls_begin｜>",
        Begin = name => $"<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"{name}\">",
        Markup = new TaggedArguments { NameOpen = "<steptml:parameter name=\"", NameClose = _ => "\">", ValueClose = "</steptml:parameter>" }.Build,
        End = "</steptml:invoke><｜tool_call_end｜>",
        Close = "<｜tool_calls_end｜>",
    };

    public static readonly CallTag MiniCpm5 = new()
    {
        Trigger = "<function name=\"",
        Begin = name => $"<function name=\"{name}\">",
        Markup = new TaggedArguments { NameOpen = "<param name=\"", NameClose = _ => "\">", ValueClose = "</param>", EscapesNested = true }.Build,
        End = "</function>",
    };

    public static readonly CallTag CohereCofl = new()
    {
        Open = "<cofl:tool_calls>",
        Begin = _ => "<cofl:tool_call id=\"",
        Number = name => [Regex("\\d+"), Const($"\" name=\"{name}\">")],
        Markup = new TaggedArguments { NameOpen = "<cofl:value name=\"", NameClose = _ => "\">", ValueClose = "</cofl:value>" }.Build,
        End = "</cofl:tool_call>",
        Close = "</cofl:tool_calls>",
    };

    public static readonly CallTag K2Horizon = new()
    {
        Open = "<ifm|tool_calls>",
        Begin = name => $"<ifm|tool_call>{name}\n",
        Markup = new TaggedArguments { NameOpen = "<ifm|arg_key>", NameClose = _ => "</ifm|arg_key><ifm|arg_value>", ValueClose = "</ifm|arg_value>" }.Build,
        End = "</ifm|tool_call>",
        Close = "</ifm|tool_calls>",
    };

    public static readonly CallTag SolarOpen = new()
    {
        Trigger = "<|tool_call:start|>",
        Begin = name => $"<|tool_call:start|>{name}\n",
        Markup = new TaggedArguments { NameOpen = "<|tool_arg:start|>", NameClose = _ => "<|tool_arg:value|>", ValueClose = "<|tool_arg:end|>", Between = "\n" }.Build,
        End = "<|tool_call:end|>",
    };

    public static readonly CallTag MinimaxM3 = new()
    {
        Open = MinimaxM3Mark + "<tool_call>",
        Begin = name => $"{MinimaxM3Mark}<invoke name=\"{name}\">",
        Markup = new ElementArguments(MinimaxM3Mark).Build,
        End = MinimaxM3Mark + "</invoke>",
        Close = MinimaxM3Mark + "</tool_call>",
    };

    public static readonly CallTag Gemma4 = new()
    {
        Trigger = "<|tool_call>",
        Begin = name => $"<|tool_call>call:{name}",
        Markup = new DictArguments("<|\"|>").Build,
        End = "<tool_call|>",
    };

    public static readonly CallTag FunctionGemma = new()
    {
        Trigger = "<start_function_call>",
        Begin = name => $"<start_function_call>call:{name}",
        Markup = new DictArguments("<escape>").Build,
        End = "<end_function_call>",
    };

    /// <summary>Hunyuan v3, with a separator behind the name and a line for every key and value.</summary>
    /// <param name="suffix">What the checkpoint adds to its markers.</param>
    public static CallTag HunyuanV3(string suffix) => Hunyuan(suffix, $"<tool_sep{suffix}>\n", "\n");

    /// <summary>Hunyuan v4, without a separator and without lines.</summary>
    /// <param name="suffix">What the checkpoint adds to its markers.</param>
    public static CallTag HunyuanV4(string suffix) => Hunyuan(suffix, "", "");

    private static CallTag Hunyuan(string suffix, string afterName, string line) => new()
    {
        Open = $"<tool_calls{suffix}>{line}",
        Trigger = $"<tool_calls{suffix}>",
        Begin = name => $"<tool_call{suffix}>{name}{afterName}",
        Markup = new TaggedArguments
        {
            NameOpen = $"<arg_key{suffix}>",
            NameClose = _ => $"</arg_key{suffix}>{line}<arg_value{suffix}>",
            ValueClose = $"</arg_value{suffix}>",
            Between = line,
        }.Build,
        End = $"</tool_call{suffix}>{line}",
        Close = $"</tool_calls{suffix}>",
    };

    private static CallTag Dsml(string wrapper, string space, string style) => new()
    {
        Lead = () => Const("\n\n"),
        Open = $"<｜DSML｜{space}{wrapper}>\n",
        Trigger = $"<｜DSML｜{space}{wrapper}>",
        Begin = name => $"<｜DSML｜{space}invoke name=\"{name}\">\n",
        Markup = Styled(style),
        End = $"</｜DSML｜{space}invoke>\n",
        Close = $"</｜DSML｜{space}{wrapper}>",
    };

    private static Func<ArgumentSchema, JsonObject> Styled(string style) => schema => Schema(schema.ToNode(), style);
}

using static Connectors.Vllm.Constraints.ConstraintNode;

namespace Connectors.Vllm.Constraints;

/// <summary>Formats whose arguments are markup.</summary>
internal static class MarkupCallGrammars
{
    /// <summary>What MiniMax M3 writes before every tag.</summary>
    public const string MinimaxM3Mark = "]<]minimax[>[";

    private static readonly string[] Think = ["<think>", "</think>"];
    private static readonly ConstraintNode Line = "\n";
    private static readonly ConstraintNode MaybeLine = Optional(Line);

    public static readonly CallGrammar QwenCoder = new()
    {
        Trigger = "<tool_call>\n<function=",
        Separator = "\n",
        Begin = name => $"<tool_call>\n<function={name}>\n",
        Markup = new TaggedArguments { NameOpen = "<parameter=", NameClose = _ => ">\n", ValueClose = "\n</parameter>", After = Line }.Build,
        End = "</function>\n</tool_call>",
        Excludes = Think,
    };

    public static readonly CallGrammar SeedOss = new()
    {
        Trigger = "<seed:tool_call>\n<function=",
        Separator = "\n",
        Begin = name => $"<seed:tool_call>\n<function={name}>\n",
        Markup = new TaggedArguments { NameOpen = "<parameter=", NameClose = _ => ">", ValueClose = "</parameter>", After = Line }.Build,
        End = "</function>\n</seed:tool_call>",
    };

    public static readonly CallGrammar Mimo = new()
    {
        Trigger = "<tool_call>",
        Separator = "\n",
        Begin = name => $"<tool_call><function={name}>",
        Markup = new TaggedArguments { NameOpen = "<parameter=", NameClose = _ => ">", ValueClose = "</parameter>" }.Build,
        End = "</function></tool_call>",
        Excludes = [.. Think, "</tool_call>", "<function="],
    };

    /// <summary>GLM 4.5 to 5.x: earlier models write line breaks, later ones none.</summary>
    public static readonly CallGrammar Glm = new()
    {
        Trigger = "<tool_call>",
        Begin = name => Sequence($"<tool_call>{name}", MaybeLine),
        Markup = new TaggedArguments
        {
            NameOpen = "<arg_key>",
            NameClose = _ => Sequence("</arg_key>", MaybeLine, "<arg_value>"),
            ValueClose = "</arg_value>",
            After = MaybeLine,
        }.Build,
        End = "</tool_call>",
        Excludes = [.. Think, "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"],
    };

    /// <summary>The same with a line break between calls.</summary>
    public static readonly CallGrammar GlmLines = Glm with { Separator = "\n" };

    public static readonly CallGrammar DeepSeekV32 = Dsml("function_calls", "");

    public static readonly CallGrammar DeepSeekV4 = Dsml("tool_calls", "");

    public static readonly CallGrammar DeepSeekV41 = Dsml("calls", " ");

    public static readonly CallGrammar MinimaxM2 = Invokes("minimax:tool_call") with { Lead = MaybeLine };

    public static readonly CallGrammar Dots = Invokes("dots_function_call");

    public static readonly CallGrammar Step3 = new()
    {
        Open = "<｜tool_calls_begin｜>",
        Begin = name => $"<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name=\"{name}\">",
        Markup = Attributes("steptml:parameter").Build,
        End = "</steptml:invoke><｜tool_call_end｜>",
        Close = "<｜tool_calls_end｜>",
    };

    public static readonly CallGrammar MiniCpm5 = new()
    {
        Trigger = "<function name=\"",
        Separator = "\n",
        Begin = name => $"<function name=\"{name}\">",
        Markup = (Attributes("param") with { EscapesNested = true }).Build,
        End = "</function>",
    };

    public static readonly CallGrammar CohereCofl = new()
    {
        Open = "<cofl:tool_calls>",
        Begin = name => Sequence("<cofl:tool_call id=\"", Pattern("[0-9]+"), $"\" name=\"{name}\">"),
        Markup = Attributes("cofl:value").Build,
        End = "</cofl:tool_call>",
        Close = "</cofl:tool_calls>",
    };

    public static readonly CallGrammar K2Horizon = new()
    {
        Open = "<ifm|tool_calls>",
        Begin = name => $"<ifm|tool_call>{name}\n",
        Markup = new TaggedArguments
        { NameOpen = "<ifm|arg_key>", NameClose = _ => "</ifm|arg_key><ifm|arg_value>", ValueClose = "</ifm|arg_value>" }.Build,
        End = "</ifm|tool_call>",
        Close = "</ifm|tool_calls>",
    };

    public static readonly CallGrammar SolarOpen = new()
    {
        Trigger = "<|tool_call:start|>",
        Separator = "\n",
        Begin = name => $"<|tool_call:start|>{name}\n",
        Markup = new TaggedArguments
        { NameOpen = "<|tool_arg:start|>", NameClose = _ => "<|tool_arg:value|>", ValueClose = "<|tool_arg:end|>", After = Line }.Build,
        End = "<|tool_call:end|>",
    };

    public static readonly CallGrammar MinimaxM3 = new()
    {
        Open = MinimaxM3Mark + "<tool_call>",
        Begin = name => $"{MinimaxM3Mark}<invoke name=\"{name}\">",
        Markup = new ElementArguments(MinimaxM3Mark).Build,
        End = MinimaxM3Mark + "</invoke>",
        Close = MinimaxM3Mark + "</tool_call>",
    };

    public static readonly CallGrammar Gemma4 = new()
    {
        Trigger = "<|tool_call>",
        Begin = name => $"<|tool_call>call:{name}",
        Markup = new DictArguments("<|\"|>").Build,
        End = "<tool_call|>",
    };

    public static readonly CallGrammar FunctionGemma = new()
    {
        Trigger = "<start_function_call>",
        Begin = name => $"<start_function_call>call:{name}",
        Markup = new DictArguments("<escape>").Build,
        End = "<end_function_call>",
    };

    /// <summary>Hunyuan v3, with a separator after the name and a line for every key and value.</summary>
    /// <param name="suffix">What the checkpoint adds to its markers.</param>
    public static CallGrammar HunyuanV3(string suffix) => Hunyuan(suffix, $"<tool_sep{suffix}>\n", "\n");

    /// <summary>Hunyuan v4, without a separator and without lines.</summary>
    /// <param name="suffix">What the checkpoint adds to its markers.</param>
    public static CallGrammar HunyuanV4(string suffix) => Hunyuan(suffix, "", "");

    private static CallGrammar Hunyuan(string suffix, string afterName, string line) => new()
    {
        Open = $"<tool_calls{suffix}>{line}",
        Trigger = $"<tool_calls{suffix}>",
        Begin = name => $"<tool_call{suffix}>{name}{afterName}",
        Markup = new TaggedArguments
        {
            NameOpen = $"<arg_key{suffix}>",
            NameClose = _ => $"</arg_key{suffix}>{line}<arg_value{suffix}>",
            ValueClose = $"</arg_value{suffix}>",
            After = Literal(line),
        }.Build,
        End = $"</tool_call{suffix}>{line}",
        Close = $"</tool_calls{suffix}>",
    };

    private static CallGrammar Dsml(string wrapper, string space) => new()
    {
        Lead = Optional("\n\n"),
        Open = $"<｜DSML｜{space}{wrapper}>\n",
        Trigger = $"<｜DSML｜{space}{wrapper}>",
        Begin = name => $"<｜DSML｜{space}invoke name=\"{name}\">\n",
        Markup = new TaggedArguments
        {
            NameOpen = $"<｜DSML｜{space}parameter name=\"",
            NameClose = type => Literal($"\" string=\"{(type == "string" ? "true" : "false")}\">"),
            ValueClose = $"</｜DSML｜{space}parameter>",
            After = Line,
            IsTyped = true,
        }.Build,
        End = $"</｜DSML｜{space}invoke>\n",
        Close = $"</｜DSML｜{space}{wrapper}>",
    };

    private static CallGrammar Invokes(string wrapper) => new()
    {
        Open = $"<{wrapper}>\n",
        Trigger = $"<{wrapper}>",
        Begin = name => $"<invoke name=\"{name}\">\n",
        Markup = (Attributes("parameter") with { After = Line }).Build,
        End = "</invoke>\n",
        Close = $"</{wrapper}>",
    };

    private static TaggedArguments Attributes(string element) =>
        new() { NameOpen = $"<{element} name=\"", NameClose = _ => "\">", ValueClose = $"</{element}>" };
}

using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>The formats with <c>&lt;invoke name="…"&gt;</c> elements and values typed by the schema.</summary>
internal static class InvokeFormats
{
    private static readonly XmlCallSyntax Xml = new() { Invoke = "invoke", Parameter = "parameter" };

    /// <summary>MiniMax M2: values verbatim, no newline framing.</summary>
    public static readonly ToolSyntax MinimaxM2 = new()
    {
        Id = "minimax_m2",
        Aliases = ["minimax", "mm_m2"],
        Openers = ["<minimax:tool_call>", "<invoke name="],
        Drops = ["[e~["],
        NewlinesBefore = 1,
        Reader = context => new XmlCallReader(context, Xml with { Outer = ["minimax:tool_call"] }),
        CallGrammar = MarkupCallGrammars.MinimaxM2.Build,
    };

    /// <summary>Step-3: the same in its own namespace, in DeepSeek-like sections.</summary>
    public static readonly ToolSyntax Step3 = new()
    {
        Id = "step3",
        Openers = ["<｜tool_calls_begin｜>", "<｜tool_call_begin｜>", "<steptml:invoke"],
        StrayClosers = ["<｜tool_call_end｜>", "<｜tool_calls_end｜>"],
        Reader = context => new XmlCallReader(context, Xml with
        {
            Invoke = "steptml:invoke",
            Parameter = "steptml:parameter",
            Preambles = ["<｜tool_call_begin｜>", "function", "<｜tool_sep｜>"],
            Closers = ["<｜tool_call_end｜>", "<｜tool_calls_end｜>"],
        }),
        CallGrammar = MarkupCallGrammars.Step3.Build,
    };

    /// <summary>Dots: the same in its own wrapper, or one JSON object there.</summary>
    public static readonly ToolSyntax Dots = new()
    {
        Id = "dots",
        Openers = ["<dots_function_call>"],
        NewlinesBefore = 1,
        Reader = context => new EitherReader(
            new JsonBodyReader(context, new JsonBodySyntax { Closers = ["</dots_function_call>"], Repeats = true }),
            new XmlCallReader(context, Xml with { Outer = ["dots_function_call"] })),
        CallGrammar = MarkupCallGrammars.Dots.Build,
    };

    /// <summary>MiniCPM5: no wrapper, entities and CDATA.</summary>
    public static readonly ToolSyntax MiniCpm5 = new()
    {
        Id = "minicpm5",
        Openers = ["<function name="],
        NewlinesBefore = 1,
        Reader = context => new XmlCallReader(context, new XmlCallSyntax { Invoke = "function", Parameter = "param", DecodesEntities = true }),
        CallGrammar = MarkupCallGrammars.MiniCpm5.Build,
    };

    /// <summary>Cohere's newest: all values are strings.</summary>
    public static readonly ToolSyntax CohereCofl = new()
    {
        Id = "cohere_cofl",
        Aliases = ["cohere_command5", "cohere_cmd5"],
        Openers = ["<cofl:tool_calls>", "<cofl:tool_call "],
        Drops = ["<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>", "<|END_OF_TURN_TOKEN|>"],
        Citations = ["<co", "</co"],
        NewlinesBefore = 1,
        Reader = context => new XmlCallReader(context, new XmlCallSyntax
        {
            Invoke = "cofl:tool_call",
            Parameter = "cofl:value",
            Outer = ["cofl:tool_calls"],
            Typing = XmlTyping.Text,
        }),
        CallGrammar = MarkupCallGrammars.CohereCofl.Build,
        AnswerGrammar = ChannelGrammars.CohereAnswer,
    };
}

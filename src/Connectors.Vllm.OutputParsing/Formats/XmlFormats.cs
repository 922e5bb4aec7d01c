using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>
/// Named parameters in <c>&lt;function=…&gt;</c> inside <c>&lt;tool_call&gt;</c>: Qwen3-Coder, Qwen3.5 and later, Nemotron 3, Step-3.5, Granite 4.2,
/// MiniCPM-V. JSON in the same wrapper is understood too.
/// </summary>
internal static class QwenCoderFormat
{
    private static readonly XmlCallSyntax Xml = new()
    {
        Invoke = "function",
        Parameter = "parameter",
        Outer = ["tool_call"],
        NameAfterEquals = true,
        NewlineFraming = true,
    };

    public static readonly ToolSyntax Tools = new()
    {
        Id = "qwen3_coder",
        Aliases = ["qwen3_xml", "qwen_xml", "nemotron_v3", "step3p5", "minicpmv", "granite4_2"],
        Openers = ["<tool_call>", "<function="],
        NewlinesBefore = 1,
        Reader = context => Either(context, Xml),
    };

    /// <summary>The same without newlines around values.</summary>
    public static readonly ToolSyntax Mimo = Tools with
    {
        Id = "mimo",
        Aliases = [],
        Reader = context => Either(context, Xml with { NewlineFraming = false }),
    };

    public static readonly ToolSyntax SeedOss = new()
    {
        Id = "seed_oss",
        Openers = ["<seed:tool_call>"],
        NewlinesBefore = 1,
        Reader = context => new XmlCallReader(context, Xml with { Outer = ["seed:tool_call"] }),
    };

    /// <summary>Creates a reader for these tags or JSON in the same wrapper.</summary>
    public static CallReader Either(ReaderContext context, XmlCallSyntax? xml = null) => new EitherReader(
        new JsonBodyReader(context, new JsonBodySyntax { Closers = ["</tool_call>"], Repeats = true, Separators = "," }),
        new XmlCallReader(context, xml ?? Xml));
}

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
    };

    /// <summary>MiniCPM5: no wrapper, entities and CDATA.</summary>
    public static readonly ToolSyntax MiniCpm5 = new()
    {
        Id = "minicpm5",
        Openers = ["<function name="],
        NewlinesBefore = 1,
        Reader = context => new XmlCallReader(context, new XmlCallSyntax { Invoke = "function", Parameter = "param", DecodesEntities = true }),
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
    };
}

/// <summary>
/// DeepSeek's markup language (V3.2, V4, V4.1): named parameters that say themselves whether they are strings. One reader for all three, which
/// differ in the wrapper's name and in a space.
/// </summary>
internal static class DsmlFormat
{
    private static readonly string[] Wrappers = ["function_calls", "tool_calls", "toolcalls", "tool", "calls"];

    private static readonly XmlCallSyntax Xml = new()
    {
        Invoke = "invoke",
        Parameter = "parameter",
        Outer = Wrappers,
        Prefix = "｜DSML｜",
        Typing = XmlTyping.StringAttribute,
        Unwraps = true,
    };

    public static readonly ToolSyntax V32 = new()
    {
        Id = "deepseek_v32",
        Aliases = ["deepseek_dsml"],
        Openers = [.. Wrappers.Append("invoke").SelectMany(name => new[] { $"<｜DSML｜{name}", $"<｜DSML｜ {name}" })],
        Drops = ["<｜end▁of▁sentence｜>"],
        StrayClosers = [.. StrayClosers()],
        NewlinesBefore = 2,
        Reader = context => new XmlCallReader(context, Xml),
    };

    public static readonly ToolSyntax V4 = V32 with { Id = "deepseek_v4", Aliases = [] };

    public static readonly ToolSyntax V41 =
        V32 with { Id = "deepseek_v41", Aliases = ["deepseek_v4_1"] };

    /// <summary>Malformed closing tags that models write: with a space, with ASCII bars, without their bracket.</summary>
    private static IEnumerable<string> StrayClosers() =>
        from bar in (string[])["｜", "|"]
        from name in Wrappers.Concat(["invoke", "parameter"])
        from space in (string[])["", " "]
        from end in (string[])[">", ""]
        select $"</{bar}DSML{bar}{space}{name}{end}";
}

/// <summary>Kimi K3: elements between <c>&lt;|open|&gt;</c>, <c>&lt;|close|&gt;</c> and <c>&lt;|sep|&gt;</c>, arguments with their types.</summary>
internal static class KimiK3Format
{
    private static readonly XmlCallSyntax Elements = new()
    {
        Invoke = "call",
        Parameter = "argument",
        Outer = ["tools"],
        Brackets = ["<|open|>", "<|close|>"],
        End = ["<|sep|>"],
        HasControlTags = true,
        Typing = XmlTyping.TypeAttribute,
        TypeAttribute = "type",
    };

    public static readonly ToolSyntax Tools = new()
    {
        Id = "kimi_k3",
        Openers = ["<|open|>tools<|sep|>", "<|open|>call "],
        Drops = ["<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>", "<|end_of_msg|>"],
        StrayClosers = ["<|close|>tools<|sep|>"],
        CallIds = CallIdStyle.KimiK3,
        Reader = context => new XmlCallReader(context, Elements),
    };

    public static readonly ReasoningSyntax Reasoning = new()
    {
        Id = "kimi_k3",
        Opens = ["<|open|>think<|sep|>"],
        Closes = ["<|close|>think<|sep|>", "<|open|>response<|sep|>"],
        OpensOnlyAtStart = false,
    };
}

/// <summary>MiniMax M3: XML whose every tag is announced by a token of its own, so that values may hold tags; elements nest like the data.</summary>
internal static class MinimaxM3Format
{
    private const string Sentinel = MinimaxM3Reader.Mark;

    public static readonly ToolSyntax Tools = new()
    {
        Id = "minimax_m3",
        Aliases = ["mm_m3"],
        Openers = [Sentinel + "<tool_call>", Sentinel + "<invoke "],
        Drops = ["[e~["],
        StrayClosers = [Sentinel + "</tool_call>"],
        NewlinesBefore = 1,
        Reader = context => new MinimaxM3Reader(context),
    };

    public static readonly ReasoningSyntax Reasoning = new()
    {
        Id = "minimax_m3",
        Opens = ["<mm:think>"],
        Closes = ["</mm:think>"],
        EndedByCall = false,
    };
}

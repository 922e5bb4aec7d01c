using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>
/// Name and key/value pairs in <c>&lt;tool_call&gt;</c>: GLM 4.5 to 5.x, Ling 3, Poolside. With or without newlines; JSON is understood too.
/// </summary>
internal static class GlmFormat
{
    private static readonly KeyValueSyntax Pairs = new() { CallOpen = "<tool_call>", CallClose = "</tool_call>" };

    public static readonly ToolSyntax Glm45 = new()
    {
        Id = "glm45",
        Aliases = ["glm4_moe", "glm45_moe"],
        Openers = ["<tool_call>"],
        NewlinesBefore = 1,
        Reader = context => Either(context, Pairs),
    };

    public static readonly ToolSyntax Glm47 = Glm45 with { Id = "glm47", Aliases = ["glm47_moe"] };

    public static readonly ToolSyntax Ling3 = Glm47 with { Id = "ling3", Aliases = [] };

    public static readonly ToolSyntax Poolside = Glm45 with
    {
        Id = "poolside_v1",
        Aliases = [],
        Reader = context => Either(context, Pairs with { GuessesTypes = true }),
    };

    private static EitherReader Either(ReaderContext context, KeyValueSyntax syntax) => new(
        new JsonBodyReader(context, new JsonBodySyntax { Closers = [syntax.CallClose] }),
        new KeyValueReader(context, syntax));
}

/// <summary>
/// Hunyuan v3 and v4: key/value pairs in sections; a checkpoint may add a suffix to every marker (<c>&lt;tool_call:6124c78e&gt;</c>).
/// </summary>
internal static class HunyuanFormats
{
    public static readonly ToolSyntax V3 = Create("hy_v3", "");

    public static readonly ToolSyntax V4 = Create("hy_v4", "");

    /// <summary>A13B: an array of JSON calls.</summary>
    public static readonly ToolSyntax A13B = new()
    {
        Id = "hunyuan_a13b",
        Openers = ["<tool_calls>"],
        NewlinesBefore = 1,
        Drops = ["<answer>\n", "<answer>", "</answer>"],
        Reader = context => new JsonBodyReader(context, new JsonBodySyntax { Closers = ["</tool_calls>"], Repeats = true }),
    };

    /// <summary>Reasoning of A13B: an answer element follows them.</summary>
    public static readonly ReasoningSyntax A13BReasoning = ThinkFormats.Think with
    {
        Id = "hunyuan_a13b",
        Aliases = [],
        Drops = ["<answer>\n", "<answer>", "\n</answer>", "</answer>"],
        EndedByCall = false,
    };

    /// <summary>The tool syntax with a marker suffix.</summary>
    public static ToolSyntax Create(string id, string suffix)
    {
        string Tag(string name) => $"<{name}{suffix}>";
        var pairs = new KeyValueSyntax
        {
            CallOpen = Tag("tool_call"),
            CallClose = Tag("/tool_call"),
            NameEnd = Tag("tool_sep"),
            KeyOpen = Tag("arg_key"),
            KeyClose = Tag("/arg_key"),
            ValueOpen = Tag("arg_value"),
            ValueClose = Tag("/arg_value"),
            SectionClosers = [Tag("/tool_calls")],
        };
        return new ToolSyntax
        {
            Id = id,
            Openers = [Tag("tool_calls"), Tag("tool_call")],
            NewlinesBefore = 1,
            Reader = context => new KeyValueReader(context, pairs),
        };
    }

    /// <summary>The reasoning syntax with a marker suffix.</summary>
    public static ReasoningSyntax CreateReasoning(string id, string suffix) => ThinkFormats.Think with
    {
        Id = id,
        Aliases = [],
        Opens = [$"<think{suffix}>"],
        Closes = [$"</think{suffix}>"],
        EndedByCall = false,
    };
}

/// <summary>K2 Horizon: key/value pairs with optional types, or JSON; the reasoning marker contains the effort.</summary>
internal static class K2HorizonFormat
{
    private static readonly KeyValueSyntax Pairs = new()
    {
        CallOpen = "<ifm|tool_call>",
        CallClose = "</ifm|tool_call>",
        KeyOpen = "<ifm|arg_key>",
        KeyClose = "</ifm|arg_key>",
        TypeOpen = "<ifm|arg_type>",
        TypeClose = "</ifm|arg_type>",
        ValueOpen = "<ifm|arg_value>",
        ValueClose = "</ifm|arg_value>",
        SectionClosers = ["</ifm|tool_calls>"],
    };

    public static readonly ToolSyntax Tools = new()
    {
        Id = "k2_horizon",
        Openers = ["<ifm|tool_calls>", "<ifm|tool_call>"],
        NewlinesBefore = 1,
        StrayClosers = ["</ifm|tool_calls>"],
        Reader = context => new EitherReader(
            new JsonBodyReader(context, new JsonBodySyntax
            {
                Preambles = [Pairs.CallOpen],
                Repeats = true,
                Closers = [Pairs.CallClose],
            }),
            new KeyValueReader(context, Pairs),
            Pairs.CallOpen),
    };

    public static readonly ReasoningSyntax Reasoning = new()
    {
        Id = "k2_horizon",
        Opens = ["<ifm|think>", "<ifm|think_fast>", "<ifm|think_faster>"],
        Closes = ["</ifm|think>", "</ifm|think_fast>", "</ifm|think_faster>"],
        OpensOnlyAtStart = false,
    };
}

/// <summary>
/// Solar Open 2: a name line, then arguments between tokens of their own. https://github.com/vllm-project/vllm, tool and reasoning parser
/// <c>solar_open2</c>.
/// </summary>
internal static class SolarOpenFormat
{
    private static readonly KeyValueSyntax Arguments = new()
    {
        CallOpen = "<|tool_call:start|>",
        CallClose = "<|tool_call:end|>",
        KeyOpen = "<|tool_arg:start|>",
        KeyClose = "<|tool_arg:value|>",
        ValueOpen = "",
        ValueClose = "<|tool_arg:end|>",
    };

    public static readonly ToolSyntax Tools = new()
    {
        Id = "solar_open2",
        Openers = [Arguments.CallOpen],
        StrayClosers = [Arguments.CallClose],
        NewlinesBefore = 1,
        Reader = context => new KeyValueReader(context, Arguments),
    };

    /// <summary>The template always opens the reasoning, and closes it at once for low efforts.</summary>
    public static readonly ReasoningSyntax Reasoning = new()
    {
        Id = "solar_open2",
        Opens = ["<|think:start|>"],
        Closes = ["<|think:end|>"],
        OpensOnlyAtStart = false,
    };
}

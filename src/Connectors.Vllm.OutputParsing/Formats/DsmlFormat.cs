using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

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
        CallGrammar = MarkupCallGrammars.DeepSeekV32.Build,
    };

    public static readonly ToolSyntax V4 = V32 with { Id = "deepseek_v4", Aliases = [], CallGrammar = MarkupCallGrammars.DeepSeekV4.Build };

    public static readonly ToolSyntax V41 =
        V32 with { Id = "deepseek_v41", Aliases = ["deepseek_v4_1"], CallGrammar = MarkupCallGrammars.DeepSeekV41.Build };

    /// <summary>Closers as models leave them behind: with a space, with ASCII bars, without their bracket.</summary>
    private static IEnumerable<string> StrayClosers() =>
        from bar in (string[])["｜", "|"]
        from name in Wrappers.Concat(["invoke", "parameter"])
        from space in (string[])["", " "]
        from end in (string[])[">", ""]
        select $"</{bar}DSML{bar}{space}{name}{end}";
}

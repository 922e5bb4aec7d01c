using Connectors.Vllm.OutputParsing.Constraints;
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
        CallGrammar = MarkupCallGrammars.QwenCoder.Build,
    };

    /// <summary>The same without newlines around values.</summary>
    public static readonly ToolSyntax Mimo = Tools with
    {
        Id = "mimo",
        Aliases = [],
        Reader = context => Either(context, Xml with { NewlineFraming = false }),
        CallGrammar = MarkupCallGrammars.Mimo.Build,
    };

    public static readonly ToolSyntax SeedOss = new()
    {
        Id = "seed_oss",
        Openers = ["<seed:tool_call>"],
        NewlinesBefore = 1,
        Reader = context => new XmlCallReader(context, Xml with { Outer = ["seed:tool_call"] }),
        CallGrammar = MarkupCallGrammars.SeedOss.Build,
    };

    /// <summary>A reader that takes these tags, or JSON, between the same wrapper.</summary>
    public static CallReader Either(ReaderContext context, XmlCallSyntax? xml = null) => new EitherReader(
        new JsonBodyReader(context, new JsonBodySyntax { Closers = ["</tool_call>"], Repeats = true, Separators = "," }),
        new XmlCallReader(context, xml ?? Xml));
}

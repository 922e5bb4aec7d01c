using Connectors.Vllm.OutputParsing.Constraints;
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
        CallGrammar = MarkupCallGrammars.GlmLines.Build,
    };

    public static readonly ToolSyntax Glm47 = Glm45 with { Id = "glm47", Aliases = ["glm47_moe"], CallGrammar = MarkupCallGrammars.Glm.Build };

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

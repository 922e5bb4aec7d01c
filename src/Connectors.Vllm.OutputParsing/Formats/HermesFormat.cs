using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>
/// JSON in <c>&lt;tool_call&gt;</c>: Hermes, Qwen 2.5, QwQ, Qwen 3 without Coder, Granite 4, and many fine-tunes.
/// </summary>
internal static class HermesFormat
{
    public static readonly ToolSyntax Tools = new()
    {
        Id = "hermes",
        Aliases = ["qwen3_json", "qwen2_5", "qwen25", "qwen", "granite4"],
        Openers = ["<tool_call>"],
        NewlinesBefore = 1,
        Reader = context => QwenCoderFormat.Either(context),
        CallGrammar = JsonCallGrammars.Hermes.Build,
    };

    public static readonly ToolSyntax LongCat = new()
    {
        Id = "longcat",
        Openers = ["<longcat_tool_call>"],
        NewlinesBefore = 1,
        Reader = context => new JsonBodyReader(context, new JsonBodySyntax { Closers = ["</longcat_tool_call>"], Repeats = true }),
        CallGrammar = JsonCallGrammars.LongCat.Build,
    };
}

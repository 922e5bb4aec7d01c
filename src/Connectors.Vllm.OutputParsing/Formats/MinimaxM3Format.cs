using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

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
        CallGrammar = MarkupCallGrammars.MinimaxM3.Build,
    };

    public static readonly ReasoningSyntax Reasoning = new()
    {
        Id = "minimax_m3",
        Opens = ["<mm:think>"],
        Closes = ["</mm:think>"],
        EndedByCall = false,
    };
}

using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>K2 Horizon: key/value pairs that may tell their types, or JSON; the thought's marker tells the effort.</summary>
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
        CallGrammar = MarkupCallGrammars.K2Horizon.Build,
    };

    public static readonly ReasoningSyntax Reasoning = new()
    {
        Id = "k2_horizon",
        Opens = ["<ifm|think>", "<ifm|think_fast>", "<ifm|think_faster>"],
        Closes = ["</ifm|think>", "</ifm|think_fast>", "</ifm|think_faster>"],
        OpensOnlyAtStart = false,
    };
}

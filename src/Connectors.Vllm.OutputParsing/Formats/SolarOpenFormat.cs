using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

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
        CallGrammar = MarkupCallGrammars.SolarOpen.Build,
    };

    /// <summary>The template always opens the thought, and closes it at once for low efforts.</summary>
    public static readonly ReasoningSyntax Reasoning = new()
    {
        Id = "solar_open2",
        Opens = ["<|think:start|>"],
        Closes = ["<|think:end|>"],
        OpensOnlyAtStart = false,
    };
}

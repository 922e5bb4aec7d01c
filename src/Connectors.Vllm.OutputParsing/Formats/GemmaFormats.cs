using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>Google's formats: dictionaries with delimited strings.</summary>
internal static class GemmaFormats
{
    public static readonly ToolSyntax Gemma4 = new()
    {
        Id = "gemma4",
        Openers = ["<|tool_call>"],
        Drops = ["<turn|>", "<|tool_response>", "<channel|>"],
        StrayClosers = ["<tool_call|>"],
        Reader = context => new DictReader(context, new DictSyntax("<|tool_call>", "<|\"|>", ["<tool_call|>"])),
    };

    public static readonly ReasoningSyntax Gemma4Reasoning = new()
    {
        Id = "gemma4",
        Opens = ["<|channel>thought\n", "<|channel>thought"],
        Closes = ["<channel|>"],
        OpensOnlyAtStart = false,
        NewlinesAfterOpen = 0,
    };

    public static readonly ToolSyntax FunctionGemma = new()
    {
        Id = "functiongemma",
        Openers = ["<start_function_call>"],
        Drops = ["<end_of_turn>", "<start_function_response>"],
        StrayClosers = ["<end_function_call>"],
        Reader = context => new DictReader(context, new DictSyntax("<start_function_call>", "<escape>", ["<end_function_call>"])),
    };
}

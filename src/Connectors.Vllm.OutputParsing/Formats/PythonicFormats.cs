using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>The formats with calls as Python.</summary>
internal static class PythonicFormats
{
    /// <summary>Llama 3.2 small, ToolACE: the answer itself is the list of calls.</summary>
    public static readonly ToolSyntax Pythonic = new()
    {
        Id = "pythonic",
        StartOpeners = ["["],
        Reader = _ => new PythonicReader(new PythonicSyntax { OpenerIsList = true }),
    };

    public static readonly ToolSyntax Llama4 = new()
    {
        Id = "llama4_pythonic",
        Openers = ["<|python_start|>"],
        StartOpeners = ["["],
        Drops = ["<|eom|>", "<|eot|>"],
        StrayClosers = ["<|python_end|>"],
        Reader = _ => new PythonicReader(new PythonicSyntax { OpenerIsList = true, Closers = ["<|python_end|>"] }),
    };

    /// <summary>OLMo 3: one call a line in an element.</summary>
    public static readonly ToolSyntax Olmo3 = new()
    {
        Id = "olmo3",
        Openers = ["<function_calls>"],
        NewlinesBefore = 1,
        Reader = _ => new PythonicReader(new PythonicSyntax { Lines = true, Closers = ["</function_calls>"] }),
    };

    public static readonly ToolSyntax Lfm2 = new()
    {
        Id = "lfm2",
        Openers = ["<|tool_call_start|>"],
        StrayClosers = ["<|tool_call_end|>"],
        Reader = _ => new PythonicReader(new PythonicSyntax { Closers = ["<|tool_call_end|>"] }),
    };

    /// <summary>Sarashina: a list of Python dictionaries with name and arguments.</summary>
    public static readonly ToolSyntax Sarashina = new()
    {
        Id = "sarashina",
        Openers = ["<|tool_calls|>"],
        NewlinesBefore = 1,
        Reader = _ => new PythonicReader(new PythonicSyntax()),
    };
}

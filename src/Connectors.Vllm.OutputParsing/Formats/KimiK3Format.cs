using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>Kimi K3: elements between <c>&lt;|open|&gt;</c>, <c>&lt;|close|&gt;</c> and <c>&lt;|sep|&gt;</c>, arguments with their types.</summary>
internal static class KimiK3Format
{
    private static readonly XmlCallSyntax Elements = new()
    {
        Invoke = "call",
        Parameter = "argument",
        Outer = ["tools"],
        Brackets = ["<|open|>", "<|close|>"],
        End = ["<|sep|>"],
        HasControlTags = true,
        Typing = XmlTyping.TypeAttribute,
        TypeAttribute = "type",
    };

    public static readonly ToolSyntax Tools = new()
    {
        Id = "kimi_k3",
        Openers = ["<|open|>tools<|sep|>", "<|open|>call "],
        Drops = ["<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>", "<|end_of_msg|>"],
        StrayClosers = ["<|close|>tools<|sep|>"],
        CallIds = CallIdStyle.KimiK3,
        Reader = context => new XmlCallReader(context, Elements),
        CallGrammar = ChannelGrammars.KimiK3,
        AnswerGrammar = ChannelGrammars.KimiK3Answer,
    };

    public static readonly ReasoningSyntax Reasoning = new()
    {
        Id = "kimi_k3",
        Opens = ["<|open|>think<|sep|>"],
        Closes = ["<|close|>think<|sep|>", "<|open|>response<|sep|>"],
        OpensOnlyAtStart = false,
    };
}

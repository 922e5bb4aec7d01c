using Connectors.Vllm.OutputParsing.Constraints;
using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>Muse Glimmer: messages to the model itself (thoughts), to the user (text) and to tools (calls in its own XML).</summary>
internal static class MuseGlimmerFormat
{
    public static readonly ToolSyntax Tools = new()
    {
        Id = "muse_glimmer",
        Drops = ["<|start|>", "<|message|>", "<|eom|>", "<|eot|>"],
        Machine = context => new MuseGlimmerMachine(context),
        CallGrammar = ChannelGrammars.Muse,
        AnswerGrammar = ChannelGrammars.MuseAnswer,
        ThoughtGrammar = ChannelGrammars.MuseThought,
    };

    public static readonly ReasoningSyntax Reasoning = new() { Id = "muse_glimmer" };
}

/// <summary>Reads messages by their recipient.</summary>
internal sealed class MuseGlimmerMachine(MachineContext context)
    : ChannelMachine(context, new ChannelMarkers(["<|start|>"], "<|message|>", ["<|eom|>", "<|eot|>"]))
{
    private static readonly XmlCallSyntax Xml = new()
    {
        Invoke = "atem:invoke",
        Parameter = "atem:parameter",
        Outer = ["atem:function_calls"],
        Typing = XmlTyping.SchemaThenJson,
    };

    protected override bool MayBeHeader(ReadOnlySpan<char> text)
    {
        var trimmed = text.TrimStart();
        return "<|start|>".AsSpan().StartsWith(trimmed[..Math.Min(trimmed.Length, 9)], StringComparison.Ordinal)
            || "<|message|>".AsSpan().StartsWith(trimmed[..Math.Min(trimmed.Length, 11)], StringComparison.Ordinal)
            || "to=".AsSpan().StartsWith(trimmed[..Math.Min(trimmed.Length, 3)], StringComparison.Ordinal)
            || "assistant".AsSpan().StartsWith(trimmed[..Math.Min(trimmed.Length, 9)], StringComparison.Ordinal);
    }

    protected override ChannelKind Classify(string header, out string recipient)
    {
        var at = header.LastIndexOf("to=", StringComparison.Ordinal);
        recipient = at < 0 ? "" : header[(at + 3)..].Trim();
        return recipient switch
        {
            "self" => ChannelKind.Reasoning,
            "" or "user" => ChannelKind.Text,
            _ => ChannelKind.Call,
        };
    }

    protected override IReadOnlyList<ParsedCall> ReadCalls(string recipient, ReadOnlySpan<char> body)
    {
        var calls = new List<ParsedCall>();
        var at = body.IndexOf("<atem:", StringComparison.Ordinal);
        if (at < 0)
        {
            return calls;
        }

        var reader = new XmlCallReader(Context, Xml);
        var opener = body[at..].StartsWith("<atem:function_calls>", StringComparison.Ordinal) ? "<atem:function_calls>" : "<atem:invoke";
        reader.Begin(opener, opener.Length);
        while (true)
        {
            var result = reader.Read(body[at..], final: true);
            if (result.Status is not (ReadStatus.CallThenMore or ReadStatus.LastCall))
            {
                return result.Status == ReadStatus.End ? calls : [];
            }

            calls.Add(result.Call!);
            if (result.Status == ReadStatus.LastCall)
            {
                return calls;
            }

            at += result.Length;
        }
    }
}

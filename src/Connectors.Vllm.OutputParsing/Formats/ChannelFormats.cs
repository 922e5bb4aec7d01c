using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Readers;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Formats;

/// <summary>OpenAI's gpt-oss: messages on channels. https://cookbook.openai.com/articles/openai-harmony</summary>
internal static class HarmonyFormat
{
    public static readonly ToolSyntax Tools = new()
    {
        Id = "openai",
        Aliases = ["harmony", "gpt_oss", "openai_gptoss"],
        Drops = ["<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|return|>", "<|call|>"],
        Machine = context => new HarmonyMachine(context),
    };

    public static readonly ReasoningSyntax Reasoning = new() { Id = "openai_gptoss", Aliases = ["harmony", "gpt_oss", "openai"] };
}

/// <summary>
/// Reads harmony messages: analysis is reasoning, commentary without a recipient and final are text, a recipient makes a call. The recipient may
/// stand before or after the channel, the content type may lack its marker, and stray words in a header are ignored.
/// </summary>
internal sealed class HarmonyMachine(MachineContext context)
    : ChannelMachine(context, new ChannelMarkers(["<|start|>", "<|channel|>"], "<|message|>", ["<|end|>", "<|return|>", "<|call|>"], "<|constrain|>"))
{
    private const string Functions = "functions.";

    private static readonly string[] HeaderBeginnings = ["<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "to=", "assistant", Functions];

    protected override bool MayBeHeader(ReadOnlySpan<char> text)
    {
        var trimmed = text.TrimStart();
        foreach (var beginning in HeaderBeginnings)
        {
            if (trimmed.StartsWith(beginning, StringComparison.Ordinal) || beginning.AsSpan().StartsWith(trimmed, StringComparison.Ordinal))
            {
                return true;
            }
        }

        foreach (var tool in Context.ToolNames)
        {
            // A recipient without its sign, up to the next marker.
            if (tool.AsSpan().StartsWith(trimmed, StringComparison.Ordinal)
                || (trimmed.StartsWith(tool, StringComparison.Ordinal) && trimmed[tool.Length..].TrimStart() is ([] or ['<', ..])))
            {
                return true;
            }
        }

        return false;
    }

    protected override ChannelKind Classify(string header, out string recipient)
    {
        var text = header.Replace("<|start|>", " ", StringComparison.Ordinal);
        var channel = "";
        var at = text.LastIndexOf("<|channel|>", StringComparison.Ordinal);
        if (at >= 0)
        {
            var rest = text[(at + 11)..].TrimStart();
            var end = rest.AsSpan().IndexOfAny(" \t\n<");
            channel = end < 0 ? rest : rest[..end];
            text = text[..at] + " " + (end < 0 ? "" : rest[end..]);
            if (channel.IndexOf("to=", StringComparison.Ordinal) is >= 0 and var glued)
            {
                (channel, text) = (channel[..glued], channel[glued..] + " " + text);
            }
        }

        recipient = "";
        text = text.Replace("<|", " <|", StringComparison.Ordinal).Replace("to= ", "to=", StringComparison.Ordinal);
        foreach (var part in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            // Models leave the sign of a recipient out, and write a tool's name where the channel stands.
            recipient = part.StartsWith("to=", StringComparison.Ordinal) ? part[3..] : recipient.Length == 0 && IsTool(part) ? part : recipient;
        }

        recipient = recipient.Length == 0 && IsTool(channel) ? channel : recipient;
        return Kind(channel, ref recipient);
    }

    private bool IsTool(string word) =>
        Context.IsDeclared(word)
        || (word.StartsWith(Functions, StringComparison.Ordinal) && word.Length > Functions.Length && Lookahead.IsName(word));

    protected override BodyScan ScanArguments() => new JsonBodyScan();

    protected override IReadOnlyList<ParsedCall> ReadCalls(string recipient, ReadOnlySpan<char> body) => [JsonCalls.FromArguments(recipient, body)];

    private ChannelKind Kind(string channel, ref string recipient)
    {
        if (recipient.StartsWith(Functions, StringComparison.Ordinal) && recipient.Length > Functions.Length)
        {
            recipient = recipient[Functions.Length..];
            return ChannelKind.Call;
        }

        if (recipient.Length > 0 && Context.IsDeclared(recipient))
        {
            return ChannelKind.Call;
        }

        // Built-in tools run on the server's side, if anywhere: what is said to them is thinking.
        if (recipient is "python" or "browser" or "container" || recipient.StartsWith("browser.", StringComparison.Ordinal)
            || recipient.StartsWith("container.", StringComparison.Ordinal))
        {
            return ChannelKind.Reasoning;
        }

        return recipient is not ("" or "assistant" or "user" or "all") ? ChannelKind.Call
            : channel == "analysis" ? ChannelKind.Reasoning
            : ChannelKind.Text;
    }
}

/// <summary>Muse Glimmer: messages to the model itself (reasoning), to the user (text) and to tools (calls in its own XML).</summary>
internal static class MuseGlimmerFormat
{
    public static readonly ToolSyntax Tools = new()
    {
        Id = "muse_glimmer",
        Drops = ["<|start|>", "<|message|>", "<|eom|>", "<|eot|>"],
        Machine = context => new MuseGlimmerMachine(context),
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

    protected override BodyScan ScanArguments() => new ElementScan(Context, Xml);

    protected override IReadOnlyList<ParsedCall> ReadCalls(string recipient, ReadOnlySpan<char> body)
    {
        var elements = new ElementScan(Context, Xml);
        elements.Read(body, final: true);
        return elements.Calls;
    }

    /// <summary>Reads the calls of a body: what quotes a message in a value is part of the value.</summary>
    private sealed class ElementScan(ReaderContext context, XmlCallSyntax syntax) : BodyScan
    {
        private static readonly string[] Beginning = ["<atem:"];
        private static readonly string[] BeginningOrMarker = [.. Beginning, "<|"];
        private readonly XmlCallReader _reader = new(context, syntax);
        private bool _isReading;
        private bool _isPast;

        public List<ParsedCall> Calls { get; } = [];

        public override bool IsPast(ReadOnlySpan<char> body) => _isPast = _isPast || Read(body, final: false);

        public bool Read(ReadOnlySpan<char> body, bool final)
        {
            if (!_isReading)
            {
                var at = Lookahead.First(body, Position, final ? Beginning : BeginningOrMarker, out var length, out var safe);
                Position = at < 0 ? safe : at;
                if (at < 0 || length < Beginning[0].Length)
                {
                    return final || at >= 0;
                }

                _isReading = true;
                _reader.Begin(Beginning[0], Beginning[0].Length);
            }

            var result = _reader.Read(body[Position..], final);
            for (; result.Status == ReadStatus.CallThenMore; result = _reader.Read(body[Position..], final))
            {
                Calls.Add(result.Call!);
                Position += result.Length;
            }

            if (result.Status == ReadStatus.LastCall)
            {
                Calls.Add(result.Call!);
            }
            else if (result.Status == ReadStatus.Reject)
            {
                Calls.Clear();
            }

            Position += result.Status is ReadStatus.LastCall or ReadStatus.End ? result.Length : 0;
            return result.Status != ReadStatus.More;
        }
    }
}

using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Readers.BlockState;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>How calls stand as a name and pairs of key and value elements.</summary>
internal sealed record KeyValueSyntax
{
    /// <summary>Marker before the name.</summary>
    public required string CallOpen { get; init; }

    /// <summary>Marker behind the pairs.</summary>
    public required string CallClose { get; init; }

    /// <summary>Text that may stand between name and pairs; empty when the format has none.</summary>
    public string NameEnd { get; init; } = "";

    public string KeyOpen { get; init; } = "<arg_key>";

    public string KeyClose { get; init; } = "</arg_key>";

    /// <summary>Marker before a value; empty where <see cref="KeyClose"/> is it.</summary>
    public string ValueOpen { get; init; } = "<arg_value>";

    public string ValueClose { get; init; } = "</arg_value>";

    /// <summary>Element that may tell the value's type; empty when the format has none.</summary>
    public string TypeOpen { get; init; } = "";

    public string TypeClose { get; init; } = "";

    /// <summary>Markers around several calls; they may be missing.</summary>
    public IReadOnlyList<string> SectionClosers { get; init; } = [];

    /// <summary>True: values without a known type are JSON or Python literals where they parse.</summary>
    public bool GuessesTypes { get; init; }
}

/// <summary>Reads calls written as a name and key/value pairs (GLM and its relatives).</summary>
internal sealed class KeyValueReader(ReaderContext context, KeyValueSyntax syntax) : BlockReader
{
    // A name or a key and the space around it; more is prose.
    private const int MaxHeader = 512;

    private static readonly Transitions Table = new(
        nameof(KeyValueReader),
        (nameof(Open), nameof(Header)),
        (nameof(Header), nameof(Body)), (nameof(Header), nameof(Value)),
        (nameof(Body), nameof(Value)), (nameof(Body), nameof(Close)),
        (nameof(Value), nameof(Body)),
        (nameof(Close), nameof(Open)));

    private readonly string[] _opens = [syntax.CallOpen];
    private readonly string[] _behindName =
    [
        syntax.KeyOpen, syntax.CallClose, syntax.KeyClose, syntax.ValueClose,
        .. syntax.NameEnd.Length > 0 ? [syntax.NameEnd] : Array.Empty<string>(),
    ];
    private readonly string[] _inBody = [syntax.KeyOpen, syntax.CallClose, syntax.KeyClose];
    private readonly string[] _behindValue = [syntax.KeyOpen, syntax.CallClose];
    private readonly string[] _behindCall = [syntax.CallOpen, .. syntax.SectionClosers];
    private readonly string[] _inValue = [syntax.ValueClose, syntax.CallClose, syntax.CallOpen];

    public override Transitions Transitions => Table;

    protected override BlockState First(ReadOnlySpan<char> opener) => opener.SequenceEqual(syntax.CallOpen) ? new Header(Position) : new Open();

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final) => state switch
    {
        Open => ReadOpen(block),
        Header header => ReadHeader(header, block, final),
        Body body => ReadBody(body, block, final),
        Value value => ReadValue(value, block, final),
        Close close when syntax.SectionClosers.Count == 0 => ReadResult.LastCall(close.Call, Position),
        _ => ReadClose((Close)state, block, syntax.CallOpen, _behindCall, final),
    };

    private ReadResult? ReadOpen(ReadOnlySpan<char> block)
    {
        Position = Lookahead.SkipSpace(block, Position);
        var length = Lookahead.Prefix(block[Position..], _opens, out var open);
        if (length == 0)
        {
            return open ? ReadResult.More : Reject(Position);
        }

        return Go(new Header(Position += length));
    }

    private ReadResult? ReadHeader(Header header, ReadOnlySpan<char> block, bool final)
    {
        var next = block[Position..].IndexOf('<');
        Position = next < 0 ? block.Length : Position + next;
        if (Position - header.Start > MaxHeader)
        {
            return Reject(header.Start + MaxHeader);
        }

        if (next < 0)
        {
            var line = block[header.Start..].Trim();
            return line.Contains('\n') && !BeginsWithTool(line) ? Reject(Position) : ReadResult.More;
        }

        var name = block[header.Start..Position].Trim();
        var rest = block[Position..];
        var length = Lookahead.Prefix(rest, _behindName, out var open);
        if (length == 0)
        {
            return open && !final ? ReadResult.More : Reject(Position);
        }

        var mark = rest[..length];
        if (mark.SequenceEqual(syntax.KeyClose))
        {
            return Unglue(name) is { } found ? ReadValueOpen(Draft(found.Tool), found.Key, block, Position + length, final) : Reject(Position);
        }

        // A name without arguments may as well be a word in prose, and a stray closer a part of it: then the tool must be a known one.
        var isBare = mark.SequenceEqual(syntax.CallClose);
        var isStray = mark.SequenceEqual(syntax.ValueClose);
        if (!Lookahead.IsName(name) || (isBare && !context.MayBe(name.ToString())) || (isStray && !context.IsDeclared(name.ToString())))
        {
            return Reject(Position);
        }

        Position += isStray || mark.SequenceEqual(syntax.NameEnd) ? length : 0;
        return Go(new Body(Draft(name.ToString())));
    }

    private ReadResult? ReadBody(Body body, ReadOnlySpan<char> block, bool final)
    {
        // Text between pairs is noise, unless it is a key that lost its opening tag.
        var start = Position;
        var at = Lookahead.First(block, Position, _inBody, out var length, out var safe);
        if (at < 0)
        {
            Position = Math.Max(Position, safe - MaxHeader);
            return ReadResult.More;
        }

        var mark = block.Slice(at, length);
        if (mark.SequenceEqual(syntax.CallClose))
        {
            Position = at + length;
            return Go(new Close(body.Call.ToCall()));
        }

        if (mark.SequenceEqual(syntax.KeyClose))
        {
            var key = block[start..at].Trim().ToString();
            if (body.Call.Schema.Declares(key))
            {
                return ReadValueOpen(body.Call, key, block, at + length, final);
            }

            Position = at + length;
            return null;
        }

        return ReadKey(body.Call, block, at, at + length, final);
    }

    /// <summary>Reads a whole key, from the tag at <paramref name="tag"/> on, and goes to its value.</summary>
    private ReadResult? ReadKey(CallDraft call, ReadOnlySpan<char> block, int tag, int start, bool final)
    {
        var window = block[start..Math.Min(block.Length, start + MaxHeader)];
        var end = window.IndexOf(syntax.KeyClose, StringComparison.Ordinal);
        var value = syntax.ValueOpen.Length == 0 ? -1 : window.IndexOf(syntax.ValueOpen, StringComparison.Ordinal);
        if (value >= 0 && (end < 0 || value < end))
        {
            // The key's own closer is missing.
            return ReadValueOpen(call, window[..value].Trim().ToString(), block, start + value, final);
        }

        if (end < 0)
        {
            Position = tag;
            return window.Length < MaxHeader ? ReadResult.More : Reject(start + MaxHeader);
        }

        return ReadValueOpen(call, window[..end].Trim().ToString(), block, start + end + syntax.KeyClose.Length, final);
    }

    /// <summary>Goes to the value behind a key: its type and its opening tag may be missing.</summary>
    private ReadResult? ReadValueOpen(CallDraft call, string key, ReadOnlySpan<char> block, int position, bool final)
    {
        string? type = null;
        if (syntax.ValueOpen.Length > 0)
        {
            var isTyped = false;
            if (syntax.TypeOpen.Length > 0 && !SkipMark(block, ref position, syntax.TypeOpen, final, out isTyped))
            {
                return ReadResult.More;
            }

            if (isTyped)
            {
                var end = block[position..].IndexOf(syntax.TypeClose, StringComparison.Ordinal);
                if (end < 0)
                {
                    return block.Length - position > MaxHeader ? Reject(block.Length) : ReadResult.More;
                }

                type = block.Slice(position, end).Trim().ToString();
                position += end + syntax.TypeClose.Length;
            }

            if (!SkipMark(block, ref position, syntax.ValueOpen, final, out _))
            {
                return ReadResult.More;
            }
        }

        Position = position;
        return Go(new Value(call, key, type, position));
    }

    /// <summary>Skips a mark and the space before it, where they are; false when more characters are needed to know.</summary>
    private static bool SkipMark(ReadOnlySpan<char> block, ref int position, string mark, bool final, out bool found)
    {
        var at = Lookahead.SkipSpace(block, position);
        found = block[at..].StartsWith(mark, StringComparison.Ordinal);
        position = found ? at + mark.Length : position;
        return found || final || at - position >= Lookahead.MaxSpace || !mark.AsSpan().StartsWith(block[at..], StringComparison.Ordinal);
    }

    private ReadResult? ReadValue(Value value, ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            var next = block[Position..].IndexOf('<');
            if (next < 0)
            {
                Position = block.Length;
                return ReadResult.More;
            }

            Position += next;
            var rest = block[Position..];
            var length = Lookahead.Prefix(rest, _inValue, out var open);
            if (open && length == 0 && !final)
            {
                return ReadResult.More;
            }

            var mark = rest[..length];
            if (length > 0 && mark.SequenceEqual(syntax.CallOpen))
            {
                if (IsQuotedCall(block, Position + length) is not { } isQuoted)
                {
                    return ReadResult.More;
                }

                if (isQuoted)
                {
                    value.Quoted.Add(syntax.CallClose);
                }
            }
            else if (length > 0 && value.Quoted.Count > 0)
            {
                // Whatever closes here closes a call that the value quotes.
                if (mark.SequenceEqual(syntax.CallClose))
                {
                    value.Quoted.RemoveAt(value.Quoted.Count - 1);
                }
            }
            else if (length > 0)
            {
                if (Ends(value, block, mark, final) is not { } ends)
                {
                    return ReadResult.More;
                }

                if (ends)
                {
                    value.Call.Arguments.Set(value.Key, ToJson(value, block[value.Start..Position]));
                    Position += mark.SequenceEqual(syntax.ValueClose) ? length : 0;
                    return Go(new Body(value.Call));
                }
            }

            Position += Math.Max(length, 1);
        }
    }

    /// <summary>Whether a whole call seems to begin behind an opener inside a value; null when more characters are needed to know.</summary>
    private bool? IsQuotedCall(ReadOnlySpan<char> block, int start)
    {
        var window = block[start..Math.Min(block.Length, start + MaxHeader)];
        var next = window.IndexOf('<');
        var name = (next < 0 ? window : window[..next]).Trim();
        if (!Lookahead.IsName(name) && (next >= 0 || name.Length > 0))
        {
            return false;
        }

        if (next < 0)
        {
            return window.Length < MaxHeader ? null : false;
        }

        var length = Lookahead.Prefix(window[next..], _behindName, out var open);
        return length > 0 ? !window[next..].StartsWith(syntax.ValueClose, StringComparison.Ordinal) : open ? null : false;
    }

    /// <summary>
    /// Whether a tag inside a value ends it: only where the markup can go on behind it. Null when more characters are needed to know.
    /// </summary>
    private bool? Ends(Value value, ReadOnlySpan<char> block, ReadOnlySpan<char> mark, bool final)
    {
        var isValueClose = mark.SequenceEqual(syntax.ValueClose);
        var at = Position + mark.Length;
        for (var strays = 0; ; strays++)
        {
            var start = at;
            at = Lookahead.SkipSpace(block, at);
            if (at == block.Length)
            {
                // At the end of the output, a call's closer inside a value may be the value's own text, cut off: no call.
                return !final && at - start < Lookahead.MaxSpace ? null : isValueClose;
            }

            var behind = Lookahead.Prefix(block[at..], isValueClose ? _behindValue : _behindCall, out var open);
            if (behind > 0 || !isValueClose)
            {
                return behind > 0 ? true : open && !final ? null : false;
            }

            // A closer that is there twice is one too many.
            if (strays == 0 && block[at..].StartsWith(syntax.ValueClose, StringComparison.Ordinal))
            {
                at += syntax.ValueClose.Length;
                continue;
            }

            return !final && (open || (strays == 0 && syntax.ValueClose.AsSpan().StartsWith(block[at..], StringComparison.Ordinal)))
                ? null
                : strays == 0 ? IsLostKey(value.Call, block, at, final) : false;
        }
    }

    /// <summary>Whether a declared key without its opening tag stands at a position; null when more characters are needed to know.</summary>
    private bool? IsLostKey(CallDraft call, ReadOnlySpan<char> block, int at, bool final)
    {
        if (!call.Schema.IsKnown)
        {
            return false;
        }

        var window = block[at..Math.Min(block.Length, at + MaxHeader)];
        var next = window.IndexOf('<');
        if (next < 0)
        {
            return !final && window.Length < MaxHeader ? null : false;
        }

        return !call.Schema.Declares(window[..next].Trim().ToString()) ? false
            : Lookahead.Prefix(window[next..], [syntax.KeyClose], out var open) > 0 ? true
            : open && !final ? null : false;
    }

    private CallDraft Draft(string name) => new(name, context.Schema(name));

    private bool BeginsWithTool(ReadOnlySpan<char> text)
    {
        foreach (var tool in context.ToolNames)
        {
            if (text.StartsWith(tool, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// A tool's name and one of its parameters that stand together without the tag between them; null unless there is just one way to cut.
    /// </summary>
    private (string Tool, string Key)? Unglue(ReadOnlySpan<char> text)
    {
        (string Tool, string Key)? only = null;
        foreach (var tool in context.ToolNames)
        {
            var key = text.StartsWith(tool, StringComparison.Ordinal) ? text[tool.Length..].Trim().ToString() : "";
            if (key.Length > 0 && context.Schema(tool).Declares(key))
            {
                if (only is not null)
                {
                    return null;
                }

                only = (tool, key);
            }
        }

        return only;
    }

    private string ToJson(Value value, ReadOnlySpan<char> text)
    {
        if (value.Type is { Length: > 0 } type)
        {
            return (type is "string" or "str" ? null : JsonText.Canonical(text)) ?? JsonText.Quote(text);
        }

        if (!syntax.GuessesTypes || value.Call.Schema.Types(value.Key) != ValueTypes.Unknown)
        {
            return value.Call.Schema.Coerce(value.Key, text);
        }

        // Digits that are no JSON are no number of Python either, or one whose zeros count.
        var literal = text.TrimStart() is [>= '0' and <= '9' or '+' or '-', ..] ? null : PythonLiteral.ToJson(text);
        return JsonText.Canonical(text) ?? literal ?? JsonText.Quote(text);
    }
}

using Connectors.Vllm.OutputParsing.Schemas;
using static Connectors.Vllm.OutputParsing.Readers.BlockState;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>How calls stand as a header (name, perhaps an id), a separator, and JSON arguments.</summary>
internal sealed record HeaderJsonSyntax
{
    /// <summary>Markers before a header.</summary>
    public required IReadOnlyList<string> CallOpens { get; init; }

    /// <summary>Markers after a header.</summary>
    public required IReadOnlyList<string> HeaderEnds { get; init; }

    /// <summary>Texts after the arguments that belong to the call.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>Markers after the last call.</summary>
    public IReadOnlyList<string> SectionClosers { get; init; } = [];

    /// <summary>True: a header without its end marker ends where the arguments begin.</summary>
    public bool BraceEndsHeader { get; init; }

    /// <summary>Name and id of a header; an empty name when it is none.</summary>
    public Func<ReaderContext, string, (string Name, string? Id)> Header { get; init; } = static (_, header) => (header, null);

    /// <summary>The name of a call whose header does not tell it, by its arguments; empty when they do not tell it either.</summary>
    public Func<ReaderContext, string, string> NameByArguments { get; init; } = static (_, _) => "";

    /// <summary>A header that is only the call's type: the name follows in a line of its own (DeepSeek V3).</summary>
    public string TypeHeader { get; init; } = "";
}

/// <summary>Reads calls written as a header and raw JSON arguments (Kimi K2, DeepSeek V3 and V3.1, Mistral, PLaMo 3).</summary>
internal sealed class HeaderJsonReader : BlockReader
{
    private const int MaxHeader = 4096;

    private static readonly Transitions Table = new(
        nameof(HeaderJsonReader),
        (nameof(Open), nameof(Header)),
        (nameof(Header), nameof(Body)), (nameof(Header), nameof(Close)),
        (nameof(Body), nameof(InJson)), (nameof(Body), nameof(Close)),
        (nameof(InJson), nameof(Close)),
        (nameof(Close), nameof(Open)));

    private readonly ReaderContext _context;
    private readonly HeaderJsonSyntax _syntax;
    private readonly string[] _opens;
    private readonly string[] _headerEnds;
    private readonly string[] _bodyEnds;

    public HeaderJsonReader(ReaderContext context, HeaderJsonSyntax syntax)
    {
        (_context, _syntax) = (context, syntax);

        // The end of a code fence closes arguments, but it may stand in a header or before them.
        string[] others = [.. syntax.Closers.Where(closer => closer != "```"), .. syntax.SectionClosers, .. syntax.CallOpens];
        _opens = [.. syntax.CallOpens, .. syntax.SectionClosers, .. syntax.HeaderEnds];
        _headerEnds = [.. syntax.HeaderEnds, .. others, .. syntax.BraceEndsHeader ? ["{"] : Array.Empty<string>()];
        _bodyEnds = [.. others, "{"];
    }

    public override Transitions Transitions => Table;

    protected override BlockState First(ReadOnlySpan<char> opener) =>
        _syntax.CallOpens.Contains(opener.ToString()) ? new Header(Position) : new Open();

    protected override ReadResult? Step(BlockState state, ReadOnlySpan<char> block, bool final) => state switch
    {
        Open => ReadOpen(block),
        Header header => ReadHeader(header, block),
        Body body => ReadBody(body.Call, block),
        InJson json => ReadJson(json, block),
        _ => ReadClose((Close)state, block, final),
    };

    /// <summary>Skips the text between the start of a section and its first call.</summary>
    private ReadResult? ReadOpen(ReadOnlySpan<char> block)
    {
        var at = Lookahead.First(block, Position, _opens, out var length, out var safe);
        if (at < 0)
        {
            Position = safe;
            return ReadResult.More;
        }

        var mark = block.Slice(at, length).ToString();
        if (_syntax.SectionClosers.Contains(mark))
        {
            // An empty section; with text in it, it is text.
            return IsEmptyUpTo(block, at) ? ReadResult.End(at + length) : Reject(at + length);
        }

        // What ends a header may stand there without what begins it.
        var isBegun = _syntax.CallOpens.Contains(mark);
        Position = isBegun ? at + length : Start;
        return Go(new Header(Position));
    }

    private ReadResult? ReadHeader(Header header, ReadOnlySpan<char> block)
    {
        var at = Lookahead.First(block, Position, _headerEnds, out var length, out var safe);
        if (at < 0)
        {
            Position = safe;
            return block.Length - header.Start > MaxHeader ? Reject(block.Length) : ReadResult.More;
        }

        var end = block.Slice(at, length).ToString();
        var text = block[header.Start..at].Trim().ToString();
        if (end != "{" && !_syntax.HeaderEnds.Contains(end))
        {
            // A declared tool whose call ends after its name has no arguments.
            var (tool, toolId) = _syntax.Header(_context, text);
            Position = at;
            return _syntax.CallOpens.Contains(end) || !_context.IsDeclared(tool) ? Reject(at)
                : Complete(new CallDraft(tool, ToolSchema.Unknown, toolId), []);
        }

        Position = at + (end == "{" ? 0 : length);
        if (text.Length > 0 && text == _syntax.TypeHeader)
        {
            return Go(new Body(new CallDraft("", ToolSchema.Unknown)));
        }

        var (name, id) = _syntax.Header(_context, text);
        return (name.Length == 0 && text.Length > 0) || Lookahead.IsName(text) || Lookahead.IsName(name)
            ? Go(new Body(new CallDraft(name, ToolSchema.Unknown, id)))
            : Reject(at);
    }

    private ReadResult? ReadBody(CallDraft call, ReadOnlySpan<char> block)
    {
        var at = Lookahead.First(block, Position, _bodyEnds, out _, out _);
        if (at < 0)
        {
            return block.Length - Position > MaxHeader ? Reject(block.Length) : ReadResult.More;
        }

        var between = block[Position..at];
        if (call.Name.Length == 0 && _syntax.TypeHeader.Length > 0)
        {
            // The header was the type: the name is the line after it, and a code fence may follow.
            var line = between.TrimStart();
            var end = line.IndexOfAny('\n', '`');
            var name = (end < 0 ? line : line[..end]).Trim().ToString();
            between = end < 0 ? [] : line[end..];
            call = new CallDraft(name.Length > 0 ? name : _syntax.TypeHeader, ToolSchema.Unknown);
            if (!Lookahead.IsName(call.Name))
            {
                return Reject(at);
            }
        }

        Position = at;
        return block[at] == '{' ? Go(new InJson(call, at))
            : Complete(call, between.Trim().Trim('`')); // No object: nothing at all is no arguments, anything else is malformed.
    }

    private ReadResult? ReadJson(InJson json, ReadOnlySpan<char> block)
    {
        if (json.Scanner.Advance(block))
        {
            Position = json.Scanner.Position;
            return Complete(json.Call, block[json.Start..Position]);
        }

        if (!json.Scanner.IsBroken)
        {
            return ReadResult.More;
        }

        // What breaks the JSON may be the closer itself; else the call is malformed up to its closer.
        Position = Math.Max(Position, json.Scanner.Position);
        var at = Lookahead.First(block, Position, _bodyEnds[..^1], out _, out var safe);
        if (at < 0)
        {
            Position = safe;
            return ReadResult.More;
        }

        Position = at;
        return Complete(json.Call, block[json.Start..at]);
    }

    private ReadResult? Complete(CallDraft call, ReadOnlySpan<char> arguments)
    {
        var parsed = JsonCalls.FromArguments(call.Name, arguments, call.Id);
        return Go(new Close(parsed.Name.Length > 0 ? parsed
            : _syntax.NameByArguments(_context, parsed.Arguments) is { Length: > 0 } name ? parsed with { Name = name }
            : ParsedCall.Malformed("", arguments, "The call has no name.")));
    }

    private ReadResult ReadClose(Close close, ReadOnlySpan<char> block, bool final)
    {
        var at = Position;
        if (!Lookahead.SkipTexts(block, ref at, _syntax.Closers, final) && at - Position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        var end = Position + block[Position..at].TrimEnd().Length;
        var next = Lookahead.Prefix(block[at..], _syntax.CallOpens, out var callOpen);
        var section = Lookahead.Prefix(block[at..], _syntax.SectionClosers, out var sectionOpen);
        if (next == 0 && section == 0 && (callOpen || sectionOpen) && !final && at < block.Length)
        {
            return ReadResult.More;
        }

        if (next == 0 && section == 0 && at > Position)
        {
            if (IsHeader(block[at..], final) is not { } isHeader)
            {
                return ReadResult.More;
            }

            next = isHeader ? 1 : 0;
        }

        return next > 0 ? Another(close.Call, at) : ReadResult.LastCall(close.Call, section > 0 ? at + section : end);
    }

    /// <summary>Whether a header without its opening marker stands in front; null when more characters are needed to know.</summary>
    private bool? IsHeader(ReadOnlySpan<char> text, bool final)
    {
        var length = 0;
        while (length < text.Length && length < Lookahead.MaxSpace && text[length] != '<' && !char.IsWhiteSpace(text[length]))
        {
            length++;
        }

        var isHeader = Lookahead.Prefix(text[length..], _syntax.HeaderEnds, out var open) > 0;
        return length > 0 && isHeader ? true : length > 0 && open && !final ? null : false;
    }
}

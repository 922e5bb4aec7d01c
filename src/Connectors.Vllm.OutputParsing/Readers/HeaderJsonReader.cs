namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads calls written as a header and raw JSON arguments (Kimi K2, DeepSeek V3 and V3.1, Mistral, PLaMo 3).</summary>
internal sealed class HeaderJsonReader : CallReader
{
    private readonly HeaderJsonSyntax _syntax;
    private readonly string[] _headerEnds;
    private readonly string[] _bodyEnds;
    private readonly string[] _closers;
    private State _state;
    private JsonScanner _scanner;
    private ParsedCall? _call;
    private string _header = "";
    private int _openerLength;
    private int _position;
    private int _start;

    public HeaderJsonReader(HeaderJsonSyntax syntax)
    {
        _syntax = syntax;
        _headerEnds = [.. syntax.HeaderEnds, .. syntax.CallOpens, .. syntax.Closers.Where(closer => closer.Length > 4), .. syntax.SectionClosers];
        _headerEnds = syntax.BraceEndsHeader ? [.. _headerEnds, "{"] : _headerEnds;
        _bodyEnds = [.. syntax.Closers.Where(closer => closer.Length > 4), .. syntax.SectionClosers, .. syntax.CallOpens, "{"];
        _closers = [.. syntax.Closers];
    }

    private enum State
    {
        BeforeCall,
        Header,
        BeforeBody,
        Body,
        AfterBody,
    }

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = _position = _start = openerLength;
        _state = _syntax.CallOpens.Contains(opener.ToString()) ? State.Header : State.BeforeCall;
        _call = null;
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            var result = _state switch
            {
                State.BeforeCall => ReadBeforeCall(block, final),
                State.Header => ReadHeader(block, final),
                State.BeforeBody => ReadBeforeBody(block, final),
                State.Body => ReadBody(block, final),
                _ => ReadAfterBody(block, final),
            };
            if (result is { } done)
            {
                return done;
            }
        }
    }

    /// <summary>Skips what stands between a section's opener and its first call.</summary>
    private ReadResult? ReadBeforeCall(ReadOnlySpan<char> block, bool final)
    {
        var at = Lookahead.First(block, _position, [.. _syntax.CallOpens, .. _syntax.SectionClosers], out var length, out var safe);
        if (at < 0)
        {
            _position = safe;
            return final ? Reject(block.Length) : ReadResult.More;
        }

        if (!_syntax.CallOpens.Contains(block.Slice(at, length).ToString()))
        {
            // An empty section; with text in it, it is text.
            return block[_openerLength..at].IsWhiteSpace() ? ReadResult.End(at + length) : Reject(at + length);
        }

        _start = _position = at + length;
        _state = State.Header;
        return null;
    }

    private ReadResult? ReadHeader(ReadOnlySpan<char> block, bool final)
    {
        var at = Lookahead.First(block, _position, _headerEnds, out var length, out var safe);
        if (at < 0)
        {
            _position = safe;
            return final || block.Length - _start > 4096 ? Reject(block.Length) : ReadResult.More;
        }

        var end = block.Slice(at, length).ToString();
        _header = block[_start..at].Trim().ToString();
        if (end == "{")
        {
            length = 0;
        }
        else if (!_syntax.HeaderEnds.Contains(end))
        {
            return Reject(at);
        }

        if (_header != _syntax.TypeHeader && !Lookahead.IsName(_syntax.Header(_header).Name))
        {
            return Reject(at);
        }

        _start = _position = at + length;
        _state = State.BeforeBody;
        return null;
    }

    private ReadResult? ReadBeforeBody(ReadOnlySpan<char> block, bool final)
    {
        var at = Lookahead.First(block, _position, _bodyEnds, out _, out var safe);
        if (at < 0)
        {
            _position = safe;
            return final ? Reject(block.Length) : ReadResult.More;
        }

        var between = block[_start..at];
        if (_header == _syntax.TypeHeader && _header.Length > 0)
        {
            // The name is the first line; a code fence may follow it.
            var line = between.TrimStart();
            var lineEnd = line.IndexOfAny('\n', '`');
            var name = (lineEnd < 0 ? line : line[..lineEnd]).Trim().ToString();
            between = lineEnd < 0 ? [] : line[lineEnd..];
            _header = name.Length > 0 ? name : _header;
        }

        var (callName, id) = _syntax.Header(_header);
        if (!Lookahead.IsName(callName))
        {
            return Reject(at);
        }

        if (block[at] == '{')
        {
            _start = at;
            _scanner = JsonScanner.At(at);
            _state = State.Body;
            return null;
        }

        // No object: nothing at all is no arguments, anything else is malformed.
        _call = JsonCalls.FromArguments(callName, between.Trim().Trim('`'), id);
        _position = at;
        _state = State.AfterBody;
        return null;
    }

    private ReadResult? ReadBody(ReadOnlySpan<char> block, bool final)
    {
        if (_scanner.Advance(block))
        {
            var (name, id) = _syntax.Header(_header);
            _position = _scanner.Position;
            _call = JsonCalls.FromArguments(name, block[_start.._position], id);
            _state = State.AfterBody;
            return null;
        }

        if (!_scanner.IsBroken)
        {
            return final ? Reject(block.Length) : ReadResult.More;
        }

        // What breaks the JSON may be the closer itself; else the call is malformed up to its closer.
        _position = Math.Max(_position, _scanner.Position);
        var at = Lookahead.First(block, _position, _bodyEnds[..^1], out _, out var safe);
        if (at < 0)
        {
            _position = safe;
            return final ? Reject(block.Length) : ReadResult.More;
        }

        var (brokenName, brokenId) = _syntax.Header(_header);
        _call = JsonCalls.FromArguments(brokenName, block[_start..at], brokenId);
        _position = at;
        _state = State.AfterBody;
        return null;
    }

    private ReadResult? ReadAfterBody(ReadOnlySpan<char> block, bool final)
    {
        var at = _position;
        if (!Lookahead.SkipTexts(block, ref at, _closers, final) && at - _position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        var end = _position + block[_position..at].TrimEnd().Length;
        var next = Lookahead.Prefix(block[at..], _syntax.CallOpens, out var callOpen);
        var section = Lookahead.Prefix(block[at..], _syntax.SectionClosers, out var sectionOpen);
        if (next == 0 && section == 0 && (callOpen || sectionOpen) && !final && at < block.Length)
        {
            return ReadResult.More;
        }

        var call = _call!;
        if (next > 0)
        {
            (_call, _openerLength, _position, _start, _state) = (null, 0, 0, 0, State.BeforeCall);
            return ReadResult.CallThenMore(call, at);
        }

        return ReadResult.LastCall(call, section > 0 ? at + section : end);
    }

    private ReadResult Reject(int examined) => ReadResult.Reject(Math.Max(_openerLength, 1), examined);
}

/// <summary>How calls stand as a header (name, perhaps an id), a separator, and JSON arguments.</summary>
internal sealed record HeaderJsonSyntax
{
    /// <summary>Markers before a header.</summary>
    public required IReadOnlyList<string> CallOpens { get; init; }

    /// <summary>Markers behind a header.</summary>
    public required IReadOnlyList<string> HeaderEnds { get; init; }

    /// <summary>Texts behind the arguments that belong to the call.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>Markers behind the last call.</summary>
    public IReadOnlyList<string> SectionClosers { get; init; } = [];

    /// <summary>True: a header without its end marker ends where the arguments begin.</summary>
    public bool BraceEndsHeader { get; init; }

    /// <summary>Name and id of a header; an empty name when it is none.</summary>
    public Func<string, (string Name, string? Id)> Header { get; init; } = static header => (header, null);

    /// <summary>A header that is only the call's type: the name follows in a line of its own (DeepSeek V3).</summary>
    public string TypeHeader { get; init; } = "";
}

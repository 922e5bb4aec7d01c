namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Reads blocks whose body is JSON: one object, several, or an array of objects. The end of a body is found by JSON's own rules, so a closing
/// marker inside a string does not end the call.
/// </summary>
internal sealed class JsonBodyReader(ReaderContext context, JsonBodySyntax syntax) : CallReader
{
    private JsonScanner _scanner;
    private ParsedCall? _call;
    private int _openerLength;
    private int _position;
    private int _start;
    private bool _scanning;
    private bool _inArray;
    private bool _first;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = syntax.OpenerIsJson && opener is "{" or "[" ? 0 : openerLength;
        _position = _openerLength;
        _scanning = false;
        _call = null;
        _first = true;
        _inArray = openerLength > 1 && opener[^1] == '['; // the opener ends with the array's bracket
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            if (_call is not null)
            {
                return ReadAfterCall(block, final);
            }

            if (!_scanning && !TryStart(block, final, out var result))
            {
                return result;
            }

            // What is an answer for certain is one whether or not it is complete yet.
            var isComplete = _scanner.Advance(block);
            if (syntax.MayBeAnswer && _first && JsonAnswer.IsCertain(block[_start.._scanner.Position], context))
            {
                return Reject(_start + 1);
            }

            if (!isComplete)
            {
                return _scanner.IsBroken ? ReadBroken(block, final) : final ? Reject(block.Length) : ReadResult.More;
            }

            _scanning = false;
            _position = _scanner.Position;
            _call = JsonCalls.FromObject(block[_start.._position], syntax.Keys);
            if (_call is null)
            {
                if (syntax.MayBeAnswer)
                {
                    return Reject(_position);
                }

                var written = block[_start.._position];
                var name = JsonCalls.NameIn(written, syntax.Keys);
                _call = ParsedCall.Malformed(name, written, "The block is no JSON object with a name and arguments.");
            }
        }
    }

    /// <summary>Looks for the beginning of an object.</summary>
    private bool TryStart(ReadOnlySpan<char> block, bool final, out ReadResult result)
    {
        while (true)
        {
            while (_position < block.Length && (char.IsWhiteSpace(block[_position]) || (!_first && syntax.Separators.Contains(block[_position]))))
            {
                _position++;
            }

            if (_position == block.Length)
            {
                result = final ? Reject(block.Length) : ReadResult.More;
                return false;
            }

            var c = block[_position];
            if (c == '{')
            {
                (_start, _scanning) = (_position, true);
                _scanner = JsonScanner.At(_start);
                result = default;
                return true;
            }

            if (c == '[' && !_inArray && _first)
            {
                _inArray = true;
                _position++;
                continue;
            }

            if (c == ']' && _inArray)
            {
                // An empty list of calls.
                _position++;
                var closer = SkipCloser(block, _position, final);
                result = closer < 0 ? ReadResult.More : ReadResult.End(closer);
                _position -= closer < 0 ? 1 : 0;
                return false;
            }

            var preamble = Lookahead.Prefix(block[_position..], syntax.Preambles, out var open);
            if (preamble > 0)
            {
                _position += preamble;
                continue;
            }

            result = open && !final ? ReadResult.More : Reject(_position);
            return false;
        }
    }

    /// <summary>A complete object was read: the block ends here, or goes on.</summary>
    private ReadResult ReadAfterCall(ReadOnlySpan<char> block, bool final)
    {
        var at = Lookahead.SkipSpace(block, _position);
        if (at == block.Length && !final && at - _position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        if (_inArray)
        {
            if (at < block.Length && block[at] == ',')
            {
                return Next(at + 1);
            }

            if (at < block.Length && block[at] == ']')
            {
                at++;
            }
            else if (at < block.Length && block[at] == '{')
            {
                return Next(at);
            }
        }
        else if (syntax.Repeats)
        {
            var next = at;
            while (next < block.Length && syntax.Separators.Contains(block[next]))
            {
                next++;
            }

            next = Lookahead.SkipSpace(block, next);
            if (next < block.Length && block[next] == '{')
            {
                return Next(next);
            }

            if (next == block.Length && next > at && !final)
            {
                return ReadResult.More;
            }
        }

        var end = SkipCloser(block, at, final);
        if (end < 0)
        {
            return ReadResult.More;
        }

        var call = _call!;
        _call = null;
        return ReadResult.LastCall(call, end > at || at > _position && block[at - 1] == ']' ? end : _position);
    }

    private ReadResult Next(int length)
    {
        var call = _call!;
        _call = null;
        (_position, _openerLength, _first) = (0, 0, false);
        return ReadResult.CallThenMore(call, length);
    }

    /// <summary>Something that is no JSON came where the object should go on: it may lack its last braces before the closer.</summary>
    private ReadResult ReadBroken(ReadOnlySpan<char> block, bool final)
    {
        var length = Lookahead.Prefix(block[_scanner.Position..], syntax.Closers, out var open);
        if (length == 0)
        {
            return open && !final ? ReadResult.More : Reject(_scanner.Position);
        }

        var body = block[_start.._scanner.Position].TrimEnd();
        var end = _scanner.Position + length;
        var repaired = _scanner.Depth is > 0 and < 4 && !_inArray
            ? JsonCalls.FromObject(string.Concat(body, new string('}', _scanner.Depth)), syntax.Keys)
            : null;
        return ReadResult.LastCall(repaired ?? ParsedCall.Malformed(JsonCalls.NameIn(body, syntax.Keys), body, "The block is no JSON."), end);
    }

    /// <summary>End of the closer at a position (behind space), the position itself when there is none, -1 when more characters are needed.</summary>
    private int SkipCloser(ReadOnlySpan<char> block, int position, bool final)
    {
        if (syntax.Closers.Count == 0)
        {
            return position;
        }

        var at = Lookahead.SkipSpace(block, position);
        var length = Lookahead.Prefix(block[at..], syntax.Closers, out var open);
        return length > 0 ? at + length : open && !final && at - position < Lookahead.MaxSpace ? -1 : position;
    }

    private ReadResult Reject(int examined) => ReadResult.Reject(Math.Max(_openerLength, 1), examined);
}

/// <summary>How JSON calls stand in a block.</summary>
internal sealed record JsonBodySyntax
{
    /// <summary>The keys of a call.</summary>
    public JsonCallKeys Keys { get; init; } = JsonCallKeys.Usual;

    /// <summary>Markers that end the block; none when the JSON ends it. A missing closer is tolerated.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>Texts that may stand between the opener and the JSON.</summary>
    public IReadOnlyList<string> Preambles { get; init; } = [];

    /// <summary>Characters that may stand between several objects of a block without an array.</summary>
    public string Separators { get; init; } = "";

    /// <summary>True when several objects may follow each other in one block, without an array.</summary>
    public bool Repeats { get; init; }

    /// <summary>True when the opener itself is the beginning of the JSON.</summary>
    public bool OpenerIsJson { get; init; }

    /// <summary>True when a block without a call in it is an answer in JSON: let it go as soon as its first key shows that.</summary>
    public bool MayBeAnswer { get; init; }
}

/// <summary>Tells early that JSON at the start of an output is an answer, not a call, so that the answer can stream.</summary>
internal static class JsonAnswer
{
    /// <summary>True when the first key of the object is none a call has, or is <c>name</c> with a value that no declared tool has.</summary>
    public static bool IsCertain(ReadOnlySpan<char> json, ReaderContext context)
    {
        var rest = json[1..Math.Min(json.Length, 1024)].TrimStart();
        if (!TryString(ref rest, out var key))
        {
            return !rest.IsEmpty && rest[0] != '"';
        }

        if (key is not ("name" or "parameters" or "arguments" or "type" or "function" or "id"))
        {
            return true;
        }

        if (key is not "name" || rest.TrimStart() is not [':', .. var value])
        {
            return false;
        }

        value = value.TrimStart();
        return TryString(ref value, out var name) && !name.Contains('\\') && !context.MayBe(name.ToString());
    }

    private static bool TryString(ref ReadOnlySpan<char> text, out ReadOnlySpan<char> content)
    {
        content = default;
        if (text.IsEmpty || text[0] != '"')
        {
            return false;
        }

        // Keys and names are short; a longer string is decided by the complete object.
        var window = text[1..Math.Min(text.Length, 256)];
        var end = window.IndexOf('"');
        if (end < 0)
        {
            return false;
        }

        content = window[..end];
        text = text[(end + 2)..];
        return true;
    }
}

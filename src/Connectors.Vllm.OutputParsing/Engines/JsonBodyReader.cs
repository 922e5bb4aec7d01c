namespace Connectors.Vllm.OutputParsing;

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

            if (!_scanner.Advance(block))
            {
                if (_scanner.IsBroken)
                {
                    return ReadBroken(block, final);
                }

                return final ? Reject(block.Length)
                    : syntax.MayBeAnswer && _first && JsonAnswer.IsCertain(block[_start..], context) ? Reject(_start + 1)
                    : ReadResult.More;
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

                _call = new ParsedCall(JsonCalls.NameIn(block[_start.._position], syntax.Keys), block[_start.._position].ToString(), null, "The block is no JSON object with a name and arguments.");
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
        var repaired = _scanner.Depth is > 0 and < 4 && !_inArray ? JsonCalls.FromObject(string.Concat(body, new string('}', _scanner.Depth)), syntax.Keys) : null;
        return ReadResult.LastCall(repaired ?? new ParsedCall(JsonCalls.NameIn(body, syntax.Keys), body.ToString(), null, "The block is no JSON."), end);
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

using System.Buffers;
using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Reads calls written as Python: <c>[name(key=literal, …), …]</c>, or a list of objects with name and arguments. The end of the list is found by
/// brackets outside of strings; then the list is read by recursive descent. Positional arguments make it no call.
/// </summary>
internal sealed class PythonicReader(PythonicSyntax syntax) : CallReader
{
    private static readonly SearchValues<char> Structure = SearchValues.Create("\"'()[]{}<");
    private readonly Queue<(ParsedCall Call, int Length)> _calls = new();
    private int _openerLength;
    private int _position;
    private int _start;
    private int _depth;
    private char _quote;
    private bool _triple;
    private bool _complete;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = openerLength;
        _start = _position = opener is "[" && syntax.OpenerIsList ? 0 : openerLength;
        (_depth, _quote, _complete) = (0, '\0', false);
        _calls.Clear();
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        if (_calls.Count > 0)
        {
            return NextCall();
        }

        if (!_complete)
        {
            var start = Lookahead.SkipSpace(block, _start);
            if (!CanBeList(block[start..], out var open))
            {
                return open && !final ? ReadResult.More : Reject(start);
            }

            if (!FindEnd(block))
            {
                // What was cut off is text as a whole: a string in it may quote calls.
                return final ? ReadResult.Reject(block.Length, block.Length) : ReadResult.More;
            }

            _complete = true;
        }

        var end = _position;
        if (syntax.Closers.Count > 0)
        {
            var at = Lookahead.SkipSpace(block, end);
            var length = Lookahead.Prefix(block[at..], syntax.Closers, out var closerOpen);
            if (length == 0 && closerOpen && !final && at - end < Lookahead.MaxSpace)
            {
                return ReadResult.More;
            }

            end = length > 0 ? at + length : end;
        }

        return ReadCalls(block[_start.._position], end) ? NextCall() : Reject(_position);
    }

    private ReadResult NextCall()
    {
        var (call, length) = _calls.Dequeue();
        return _calls.Count == 0 ? ReadResult.LastCall(call, length) : ReadResult.CallThenMore(call, length);
    }

    /// <summary>Whether the beginning allows a list of calls; <paramref name="open"/> when it is too short to say.</summary>
    private bool CanBeList(ReadOnlySpan<char> text, out bool open)
    {
        open = text.IsEmpty;
        if (syntax.Lines)
        {
            return !open;
        }

        if (open || text[0] != '[')
        {
            return false;
        }

        // A bounded look: a long run of space is no list of calls.
        var inner = text[1..Math.Min(text.Length, 2 * Lookahead.MaxSpace)].TrimStart();
        open = inner.IsEmpty && text.Length < 2 * Lookahead.MaxSpace;
        if (inner.IsEmpty || inner[0] is '{' or ']')
        {
            return !inner.IsEmpty && !syntax.OpenerIsList;
        }

        var i = 0;
        while (i < inner.Length && i < 256 && (char.IsLetterOrDigit(inner[i]) || inner[i] is '_' or '.' or '-'))
        {
            i++;
        }

        open = i == inner.Length && i < 256;
        return !open && i < inner.Length && i > 0 && inner[i] == '(' && !char.IsAsciiDigit(inner[0]);
    }

    /// <summary>Looks on for the end of the list (or, in lines, for the closer); strings may hold anything.</summary>
    private bool FindEnd(ReadOnlySpan<char> block)
    {
        while (_position < block.Length)
        {
            if (_quote != '\0')
            {
                if (!SkipString(block))
                {
                    return false;
                }

                continue;
            }

            var next = block[_position..].IndexOfAny(Structure);
            if (next < 0)
            {
                _position = block.Length;
                return false;
            }

            _position += next;
            var c = block[_position];
            if (c is '"' or '\'')
            {
                if (block.Length - _position < 3)
                {
                    // Two quotes are an empty string or half of a triple quote: the third character tells.
                    if (block.Length - _position < 2 || block[_position + 1] == c)
                    {
                        return false;
                    }
                }

                _triple = block.Length - _position >= 3 && block[_position + 1] == c && block[_position + 2] == c;
                _quote = c;
                _position += _triple ? 3 : 1;
                continue;
            }

            if (c == '<')
            {
                if (syntax.Lines)
                {
                    var length = Lookahead.Prefix(block[_position..], syntax.Closers, out var open);
                    if (length > 0)
                    {
                        return true;
                    }

                    if (open)
                    {
                        return false;
                    }
                }
            }
            else if (c is '(' or '[' or '{')
            {
                _depth++;
            }
            else if (--_depth == 0 && !syntax.Lines)
            {
                _position++;
                return true;
            }

            _position++;
        }

        return false;
    }

    private bool SkipString(ReadOnlySpan<char> block)
    {
        while (true)
        {
            var next = block[_position..].IndexOfAny(_quote, '\\');
            if (next < 0)
            {
                _position = block.Length;
                return false;
            }

            var at = _position + next;
            if (block[at] == '\\')
            {
                if (at + 1 == block.Length)
                {
                    _position = at;
                    return false;
                }

                _position = at + 2;
                continue;
            }

            if (_triple)
            {
                if (block.Length - at < 3)
                {
                    _position = at;
                    return false;
                }

                if (block[at + 1] != _quote || block[at + 2] != _quote)
                {
                    _position = at + 1;
                    continue;
                }
            }

            _position = at + (_triple ? 3 : 1);
            _quote = '\0';
            return true;
        }
    }

    private bool ReadCalls(ReadOnlySpan<char> list, int end)
    {
        var i = Skip(list, 0);
        var bracketed = i < list.Length && list[i] == '[';
        i = Skip(list, bracketed ? i + 1 : i);
        var used = 0;
        while (i < list.Length && list[i] != ']')
        {
            if ((list[i] == '{' ? ReadObject(list, ref i) : ReadCall(list, ref i)) is not { } call)
            {
                _calls.Clear();
                return false;
            }

            i = Skip(list, i);
            i = i < list.Length && list[i] is ',' or ';' ? Skip(list, i + 1) : i;
            _calls.Enqueue((call, _start + i - used));
            used = _start + i;
        }

        if (_calls.Count == 0 || (bracketed && (i == list.Length || Skip(list, i + 1) < list.Length)))
        {
            _calls.Clear();
            return false;
        }

        // The last call takes the closing markup with it.
        var all = _calls.ToArray();
        all[^1].Length += end - used;
        _calls.Clear();
        foreach (var call in all)
        {
            _calls.Enqueue(call);
        }

        return true;
    }

    /// <summary>A call as an object, of JSON or of Python.</summary>
    private static ParsedCall? ReadObject(ReadOnlySpan<char> list, ref int i)
    {
        var scanner = JsonScanner.At(i);
        if (scanner.Advance(list) && JsonCalls.FromObject(list[i..scanner.Position], JsonCallKeys.Usual) is { } call)
        {
            i = scanner.Position;
            return call;
        }

        var json = new StringBuilder();
        return PythonLiteral.TryRead(list, ref i, json) ? JsonCalls.FromObject(json.ToString(), JsonCallKeys.Usual) : null;
    }

    private static ParsedCall? ReadCall(ReadOnlySpan<char> list, ref int i)
    {
        var start = i;
        while (i < list.Length && (char.IsLetterOrDigit(list[i]) || list[i] is '_' or '.' or '-'))
        {
            i++;
        }

        var name = list[start..i].ToString();
        i = Skip(list, i);
        if (name.Length == 0 || i >= list.Length || list[i] != '(')
        {
            return null;
        }

        var arguments = new ArgumentsWriter();
        for (i = Skip(list, i + 1); i < list.Length && list[i] != ')'; i = Skip(list, i))
        {
            var keyStart = i;
            while (i < list.Length && (char.IsLetterOrDigit(list[i]) || list[i] is '_' or '-'))
            {
                i++;
            }

            var key = list[keyStart..i].ToString();
            i = Skip(list, i);
            if (key.Length == 0 || i >= list.Length || list[i] != '=')
            {
                return null;
            }

            i++;
            var json = new StringBuilder();
            if (!PythonLiteral.TryRead(list, ref i, json))
            {
                return null;
            }

            arguments.Set(key, json.ToString());
            i = Skip(list, i);
            if (i < list.Length && list[i] == ',')
            {
                i++;
            }
            else if (i >= list.Length || list[i] != ')')
            {
                return null;
            }
        }

        return i++ < list.Length ? ParsedCall.Of(name, arguments.ToJson()) : null;
    }

    private static int Skip(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && char.IsWhiteSpace(text[i]))
        {
            i++;
        }

        return i;
    }

    private ReadResult Reject(int examined) => ReadResult.Reject(Math.Max(_openerLength, 1), examined);
}

/// <summary>How calls stand as Python.</summary>
internal sealed record PythonicSyntax
{
    /// <summary>Markers behind the calls; they may be missing where the calls are a list.</summary>
    public IReadOnlyList<string> Closers { get; init; } = [];

    /// <summary>True when the opener is the bracket of the list itself.</summary>
    public bool OpenerIsList { get; init; }

    /// <summary>True: calls stand in lines of their own up to the closer, without a list.</summary>
    public bool Lines { get; init; }
}

using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>How calls stand as a name and a dictionary with delimited strings.</summary>
/// <param name="Opener">The marker before a call.</param>
/// <param name="Delimiter">What stands before and behind a string.</param>
/// <param name="Closers">Markers behind a call.</param>
internal sealed record DictSyntax(string Opener, string Delimiter, IReadOnlyList<string> Closers);

/// <summary>
/// Reads calls such as <c>call:name{key:value,…}</c> (Gemma 4, FunctionGemma). Strings stand between the format's delimiters or in quotes;
/// whatever else begins a value is a word, up to the next comma or the end of the dictionary or list around it. One token is taken after the
/// other, and none before it is whole.
/// </summary>
internal sealed partial class DictReader(ReaderContext context, DictSyntax syntax) : CallReader
{
    private const int MaxHeader = 300;

    private static readonly Transitions Table = new(
        nameof(DictReader),
        (nameof(State.Header), nameof(State.Key)),
        (nameof(State.Key), nameof(State.Colon)), (nameof(State.Key), nameof(State.Comma)), (nameof(State.Key), nameof(State.Closer)),
        (nameof(State.Key), nameof(State.Broken)),
        (nameof(State.Colon), nameof(State.Value)), (nameof(State.Colon), nameof(State.Broken)),
        (nameof(State.Value), nameof(State.Key)), (nameof(State.Value), nameof(State.Value)),
        (nameof(State.Value), nameof(State.Comma)), (nameof(State.Value), nameof(State.Broken)),
        (nameof(State.Comma), nameof(State.Key)), (nameof(State.Comma), nameof(State.Value)),
        (nameof(State.Comma), nameof(State.Comma)), (nameof(State.Comma), nameof(State.Closer)),
        (nameof(State.Comma), nameof(State.Broken)));

    private readonly string[] _delimiters = [syntax.Delimiter];
    private readonly string[] _delimiterOrCall = [syntax.Delimiter, syntax.Opener];
    private readonly string[] _closerOrCall = [.. syntax.Closers, syntax.Opener];
    private readonly Stack<DictContainer> _open = new();
    private State _state;
    private string _name = "";
    private int _openerLength;
    private int _bodyStart;
    private int _position;
    private int _probe;
    private int _wordDepth;
    private int _quotedCalls;
    private bool _wordsNest;

    private enum State
    {
        Header,
        Key,
        Colon,
        Value,
        Comma,
        Broken,
        Closer,
    }

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = _position = openerLength;
        (_state, _wordsNest) = (State.Header, true);
        _open.Clear();
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            if (_state is not (State.Header or State.Broken or State.Closer))
            {
                _position = Lookahead.SkipAllSpace(block, _position);
                if (_position == block.Length)
                {
                    return final ? ReadResult.Reject(block.Length, block.Length) : ReadResult.More;
                }
            }

            var isWhole = _state switch
            {
                State.Header => ReadHeader(block),
                State.Key => ReadKey(block, final),
                State.Colon => ReadColon(block),
                State.Value => ReadValue(block, final),
                State.Comma => ReadComma(block),
                _ => null,
            };
            if (_state is State.Broken or State.Closer)
            {
                return ReadEnd(block, final);
            }

            if (isWhole == false)
            {
                return final ? ReadResult.Reject(_state == State.Header ? Math.Max(_openerLength, 1) : block.Length, block.Length) : ReadResult.More;
            }

            if (isWhole is null)
            {
                return ReadResult.Reject(Math.Max(_openerLength, 1), _position);
            }
        }
    }

    /// <summary>
    /// Reads up to the bracket that opens the arguments: true when it was found, false when it may still come, null when it cannot.
    /// </summary>
    private bool? ReadHeader(ReadOnlySpan<char> block)
    {
        var at = block[_openerLength..].IndexOfAny('{', '(', '<');
        if (at < 0 ? block.Length - _openerLength <= MaxHeader : false)
        {
            return false;
        }

        var header = at is < 0 or > MaxHeader ? [] : block.Slice(_openerLength, at).Trim();
        var name = header.StartsWith("call") && header[4..].TrimStart() is [':', .. var behind] ? behind
            : header.StartsWith(":") ? header[1..]
            : header;
        if (!Lookahead.IsName(name.Trim()) || block[_openerLength + at] == '<')
        {
            return null;
        }

        _name = name.Trim().ToString();
        _bodyStart = _position = _openerLength + at;
        Open(block[_position], context.Schema(_name).Root);
        return true;
    }

    private void Open(char bracket, SchemaNode schema)
    {
        _open.Push(new DictContainer(bracket switch { '{' => '}', '(' => ')', _ => ']' }, schema));
        _position++;
        _probe = _position;
        Go(bracket == '[' ? State.Value : State.Key);
    }

    private bool? ReadKey(ReadOnlySpan<char> block, bool final)
    {
        if (TryClose(block))
        {
            return true;
        }

        if (block[_position] == ',')
        {
            _position++;
            return true;
        }

        if (TakeString(block, final, out var key) is not { } isString)
        {
            return false;
        }

        if (!isString)
        {
            var length = block[_position..].IndexOfAny(":=,{}()[]".AsSpan());
            if (length < 0)
            {
                return block.Length - _position > MaxHeader ? Break() : false;
            }

            key = block.Slice(_position, length).Trim().Trim('"').ToString();
            _position += length;
        }

        if (key.Length == 0)
        {
            return Break();
        }

        _open.Peek().Key = key;
        return Go(State.Colon);
    }

    private bool? ReadColon(ReadOnlySpan<char> block)
    {
        if (block[_position] is not (':' or '='))
        {
            return Break();
        }

        _position++;
        (_probe, _wordDepth) = (_position, 0);
        return Go(State.Value);
    }

    private bool? ReadValue(ReadOnlySpan<char> block, bool final)
    {
        var container = _open.Peek();
        if (container.IsList && TryClose(block))
        {
            return true;
        }

        if (TakeString(block, final, out var text) is not { } isString)
        {
            return false;
        }

        if (isString)
        {
            // A delimited string stays one, unless the schema allows none.
            var types = container.ValueSchema.Types;
            Add(types == ValueTypes.Unknown || types.HasFlag(ValueTypes.Text) ? JsonText.Quote(text) : ValueCoercer.Coerce(text, types));
            container.MayLackComma = true;
            return true;
        }

        if (block[_position] is '{' or '[')
        {
            if (_open.Count >= JsonText.MaxDepth)
            {
                return Break();
            }

            Open(block[_position], container.ValueSchema);
            return true;
        }

        if (WordEnd(block, container) is not { } end)
        {
            return false;
        }

        var word = block[_position..end].Trim();
        _position = end;
        Add(Bare(word, container.ValueSchema.Types));
        return true;
    }

    private bool? ReadComma(ReadOnlySpan<char> block)
    {
        var container = _open.Peek();
        if (TryClose(block))
        {
            return true;
        }

        if (block[_position] == ',')
        {
            _position++;
        }
        else if (!container.MayLackComma || block[_position] is '}' or ']' or ')' or ':' or '=' || IsMark(block[_position..]))
        {
            return Break();
        }

        container.MayLackComma = false;
        (_probe, _wordDepth) = (_position, 0);
        return Go(container.IsList ? State.Value : State.Key);
    }

    /// <summary>The arguments are whole, or cannot be read: the call's closer follows.</summary>
    private ReadResult ReadEnd(ReadOnlySpan<char> block, bool final)
    {
        if (_state == State.Broken)
        {
            var closer = Lookahead.First(block, _position, syntax.Closers, out var closerLength, out var safe);
            if (closer < 0)
            {
                _position = safe;
                return final ? ReadResult.Reject(block.Length, block.Length) : ReadResult.More;
            }

            var call = ParsedCall.Malformed(_name, block[_bodyStart..closer], "The arguments are no dictionary.");
            return ReadResult.LastCall(call, closer + closerLength);
        }

        var at = Lookahead.SkipSpace(block, _position);
        var length = Lookahead.Prefix(block[at..], syntax.Closers, out var open);
        if (length == 0 && open && !final && at - _position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        // JSON keeps the model's spelling.
        var body = block[_bodyStart.._position];
        using var json = body.Contains(syntax.Delimiter, StringComparison.Ordinal) ? null : JsonText.ParseCall(body);
        var arguments = json is null ? _open.Peek().ToJson() : json.RootElement.GetRawText();
        return ReadResult.LastCall(ParsedCall.Of(_name, arguments), length > 0 ? at + length : _position);
    }

    private bool Break() => Go(State.Broken);

    private bool Go(State next)
    {
        Table.Observe(_state, next);
        _state = next;
        return true;
    }

    private bool TryClose(ReadOnlySpan<char> block)
    {
        if (block[_position] != _open.Peek().End)
        {
            return false;
        }

        _position++;
        if (_open.Count == 1)
        {
            return Go(State.Closer);
        }

        Add(_open.Pop().ToJson());
        _open.Peek().MayLackComma = !_open.Peek().IsList;
        return true;
    }

    /// <summary>True where a marker stands that is no delimiter.</summary>
    private bool IsMark(ReadOnlySpan<char> rest) => rest[0] == '<' && Lookahead.Prefix(rest, _delimiters, out var open) == 0 && !open;

    private void Add(string json)
    {
        _open.Peek().Add(json);
        Go(State.Comma);
    }
}

using Connectors.Vllm.OutputParsing.Machines;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads calls written as a name and key/value pairs (GLM and its relatives).</summary>
internal sealed class KeyValueReader(ReaderContext context, KeyValueSyntax syntax) : CallReader
{
    // A name and the space around it; more is prose.
    private const int MaxHeader = 512;

    private readonly ArgumentsWriter _arguments = new();
    private readonly string[] _opens = [syntax.CallOpen];
    private readonly string[] _afterValue = [syntax.KeyOpen, syntax.CallClose];
    private readonly string[] _afterCall = [syntax.CallOpen, .. syntax.SectionClosers];
    private State _state;
    private ToolSchema _schema = ToolSchema.Unknown;
    private string _name = "";
    private string _key = "";
    private string _type = "";
    private int _openerLength;
    private int _position;
    private int _start;

    private enum State
    {
        BeforeCall,
        Name,
        Pairs,
        Key,
        BeforeValue,
        Type,
        Value,
        AfterCall,
    }

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = _position = _start = openerLength;
        _state = opener.SequenceEqual(syntax.CallOpen) ? State.Name : State.BeforeCall;
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            var result = _state switch
            {
                State.BeforeCall => ReadBeforeCall(block, final),
                State.Name => ReadName(block, final),
                State.Pairs => ReadPairs(block, final),
                State.Key => ReadKey(block, final),
                State.BeforeValue => ReadBeforeValue(block, final),
                State.Type => ReadType(block, final),
                State.Value => ReadValue(block, final),
                _ => ReadAfterCall(block, final),
            };
            if (result is { } done)
            {
                return done;
            }
        }
    }

    private ReadResult? ReadBeforeCall(ReadOnlySpan<char> block, bool final)
    {
        _position = Lookahead.SkipSpace(block, _position);
        var length = Lookahead.Prefix(block[_position..], _opens, out var open);
        if (length == 0)
        {
            return open && !final ? ReadResult.More : Reject(_position);
        }

        _start = _position += length;
        _state = State.Name;
        return null;
    }

    private ReadResult? ReadName(ReadOnlySpan<char> block, bool final)
    {
        var next = block[_position..].IndexOf('<');
        _position = next < 0 ? block.Length : _position + next;
        if (_position - _start > MaxHeader)
        {
            return Reject(_start + MaxHeader);
        }

        if (next < 0)
        {
            return final || block[_start..].Trim().Contains('\n') ? Reject(_position) : ReadResult.More;
        }

        var name = block[_start.._position].Trim();
        var rest = block[_position..];
        var length = Lookahead.Prefix(rest, [syntax.KeyOpen, syntax.CallClose, syntax.NameEnd], out var open);
        if (length == 0 && open && !final)
        {
            return ReadResult.More;
        }

        // A name without arguments may as well be a word in prose: then the tool must be a known one.
        var bare = rest.StartsWith(syntax.CallClose, StringComparison.Ordinal);
        if (length == 0 || !Lookahead.IsName(name) || (bare && !context.MayBe(name.ToString())))
        {
            return Reject(_position);
        }

        _name = name.ToString();
        _schema = context.Schema(_name);
        _arguments.Clear();
        _position += syntax.NameEnd.Length > 0 && rest.StartsWith(syntax.NameEnd, StringComparison.Ordinal) ? length : 0;
        _state = State.Pairs;
        return null;
    }

    private ReadResult? ReadPairs(ReadOnlySpan<char> block, bool final)
    {
        // Text between pairs is noise, but only a little of it is skipped.
        var next = block[_position..].IndexOf('<');
        if (next < 0)
        {
            _position = block.Length;
            return final ? Reject(_position) : ReadResult.More;
        }

        _position += next;
        var rest = block[_position..];
        var length = Lookahead.Prefix(rest, _afterValue, out var open);
        if (length == 0)
        {
            if (open && !final)
            {
                return ReadResult.More;
            }

            _position++;
            return null;
        }

        var closes = rest.StartsWith(syntax.CallClose, StringComparison.Ordinal);
        _start = _position += length;
        _state = closes ? State.AfterCall : State.Key;
        return null;
    }

    private ReadResult? ReadKey(ReadOnlySpan<char> block, bool final)
    {
        if (!Find(block, syntax.KeyClose, out var at))
        {
            return final ? Reject(block.Length) : ReadResult.More;
        }

        _key = block[_start..at].Trim().ToString();
        _type = "";
        _position = at + syntax.KeyClose.Length;
        _state = State.BeforeValue;
        return null;
    }

    private ReadResult? ReadBeforeValue(ReadOnlySpan<char> block, bool final)
    {
        if (syntax.ValueOpen.Length == 0)
        {
            (_start, _state) = (_position, State.Value);
            return null;
        }

        var at = Lookahead.SkipSpace(block, _position);
        if (at == block.Length && !final && at - _position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        var rest = block[at..];
        if (syntax.TypeOpen.Length > 0)
        {
            if (rest.StartsWith(syntax.TypeOpen, StringComparison.Ordinal))
            {
                _start = _position = at + syntax.TypeOpen.Length;
                _state = State.Type;
                return null;
            }

            if (!final && syntax.TypeOpen.AsSpan().StartsWith(rest, StringComparison.Ordinal))
            {
                return ReadResult.More;
            }
        }

        if (!final && rest.Length < syntax.ValueOpen.Length && syntax.ValueOpen.AsSpan().StartsWith(rest, StringComparison.Ordinal))
        {
            return ReadResult.More;
        }

        // Models under load forget the opening tag of the value.
        _start = _position = rest.StartsWith(syntax.ValueOpen, StringComparison.Ordinal) ? at + syntax.ValueOpen.Length : _position;
        _state = State.Value;
        return null;
    }

    private ReadResult? ReadType(ReadOnlySpan<char> block, bool final)
    {
        if (!Find(block, syntax.TypeClose, out var at))
        {
            return final ? Reject(block.Length) : ReadResult.More;
        }

        _type = block[_start..at].Trim().ToString();
        _position = at + syntax.TypeClose.Length;
        _state = State.BeforeValue;
        return null;
    }

    private ReadResult? ReadValue(ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            var next = block[_position..].IndexOf('<');
            if (next < 0)
            {
                _position = block.Length;
                return final ? Reject(_position) : ReadResult.More;
            }

            _position += next;
            var rest = block[_position..];
            var ends = Ends(block, rest, final, out var open);
            if (open)
            {
                return ReadResult.More;
            }

            if (ends)
            {
                _arguments.Set(_key, ToJson(block[_start.._position]));
                _position += rest.StartsWith(syntax.ValueClose, StringComparison.Ordinal) ? syntax.ValueClose.Length : 0;
                _state = State.Pairs;
                return null;
            }

            _position++;
        }
    }

    /// <summary>Whether a tag inside a value ends it: only where the markup can go on behind it.</summary>
    private bool Ends(ReadOnlySpan<char> block, ReadOnlySpan<char> rest, bool final, out bool open)
    {
        open = false;
        var isValueClose = rest.StartsWith(syntax.ValueClose, StringComparison.Ordinal);
        var isCallClose = rest.StartsWith(syntax.CallClose, StringComparison.Ordinal);
        if (!isValueClose && !isCallClose)
        {
            open = !final && (syntax.ValueClose.AsSpan().StartsWith(rest, StringComparison.Ordinal) || syntax.CallClose.AsSpan().StartsWith(rest, StringComparison.Ordinal));
            return false;
        }

        var tagEnd = _position + (isValueClose ? syntax.ValueClose.Length : syntax.CallClose.Length);
        var at = Lookahead.SkipSpace(block, tagEnd);
        if (at == block.Length)
        {
            // At the end of the output, a call's closer inside a value may be the value's own text, cut off: no call.
            open = !final && at - tagEnd < Lookahead.MaxSpace;
            return !open && isValueClose;
        }

        var behind = Lookahead.Prefix(block[at..], isValueClose ? _afterValue : _afterCall, out var behindOpen);
        open = behind == 0 && behindOpen && !final;
        return behind > 0;
    }

    private ReadResult? ReadAfterCall(ReadOnlySpan<char> block, bool final)
    {
        var at = Lookahead.SkipSpace(block, _position);
        var length = Lookahead.Prefix(block[at..], _afterCall, out var open);
        if (length == 0 && !final && at - _position < Lookahead.MaxSpace && (open || at == block.Length) && (syntax.SectionClosers.Count > 0))
        {
            return ReadResult.More;
        }

        var call = new ParsedCall(_name, _arguments.ToJson());
        if (syntax.SectionClosers.Count == 0 || length == 0)
        {
            return ReadResult.LastCall(call, _position);
        }

        if (!block[at..].StartsWith(syntax.CallOpen, StringComparison.Ordinal))
        {
            return ReadResult.LastCall(call, at + length);
        }

        (_openerLength, _position, _state) = (0, 0, State.BeforeCall);
        return ReadResult.CallThenMore(call, at);
    }

    private string ToJson(ReadOnlySpan<char> value)
    {
        if (_type.Length > 0)
        {
            return _type is "string" or "str" ? JsonText.Quote(value) : AsJson(value) ?? JsonText.Quote(value);
        }

        return syntax.GuessesTypes && _schema.Types(_key) == ValueTypes.Unknown
            ? AsJson(value) ?? PythonLiteral.ToJson(value) ?? JsonText.Quote(value)
            : _schema.Coerce(_key, value);
    }

    private static string? AsJson(ReadOnlySpan<char> value)
    {
        using var document = JsonText.Parse(value);
        return document is null ? null : value.Trim().ToString();
    }

    private bool Find(ReadOnlySpan<char> block, string text, out int at)
    {
        at = Lookahead.First(block, _position, [text], out _, out var safe);
        if (at < 0)
        {
            _position = safe;
        }

        return at >= 0;
    }

    private ReadResult Reject(int examined) => ReadResult.Reject(Math.Max(_openerLength, 1), examined);
}

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

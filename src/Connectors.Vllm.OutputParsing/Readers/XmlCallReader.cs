using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>
/// Reads calls with named parameters in XML-like tags. Values are raw text: a closing tag inside a value counts only where the markup can go on
/// behind it, so a file that contains the tag survives.
/// </summary>
internal sealed class XmlCallReader(ReaderContext context, XmlCallSyntax syntax) : CallReader
{
    private readonly ArgumentsWriter _arguments = new();
    private State _state;
    private ParsedCall? _call;
    private ToolSchema _schema = ToolSchema.Unknown;
    private JsonScanner _json;
    private string _name = "";
    private string _key = "";
    private bool? _isString;
    private int _openerLength;
    private int _position;
    private int _valueStart;
    private int _bodyStart;

    private enum State
    {
        BeforeInvoke,
        InInvoke,
        InValue,
        InJson,
        AfterInvoke,
    }

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        // An opener without its closing bracket is the beginning of a call without a wrapper.
        _openerLength = openerLength;
        _position = opener[^1] is '>' ? openerLength : 0;
        _state = State.BeforeInvoke;
        _call = null;
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        while (true)
        {
            var result = _state switch
            {
                State.BeforeInvoke => ReadBeforeInvoke(block, final),
                State.InInvoke => ReadInvoke(block, final),
                State.InValue => ReadValue(block, final),
                State.InJson => ReadJson(block, final),
                _ => ReadAfterInvoke(block, final),
            };
            if (result is { } done)
            {
                return done;
            }
        }
    }

    private ReadResult? ReadBeforeInvoke(ReadOnlySpan<char> block, bool final)
    {
        if (!Lookahead.SkipTexts(block, ref _position, syntax.Preambles, final))
        {
            return ReadResult.More;
        }

        if (_position == block.Length)
        {
            return final ? Reject(_position) : ReadResult.More;
        }

        if (block[_position] != '<')
        {
            return Reject(_position);
        }

        var tag = XmlTag.At(block, _position, syntax, final);
        if (tag.Status == XmlTagStatus.More)
        {
            return ReadResult.More;
        }

        if (tag.Status == XmlTagStatus.NoTag || tag.Closes || !tag.Element.SequenceEqual(syntax.Invoke))
        {
            // A wrapper inside the wrapper is skipped.
            if (tag.Status == XmlTagStatus.Tag && !tag.Closes && !tag.Element.SequenceEqual(syntax.Parameter))
            {
                _position = tag.End;
                return null;
            }

            return Reject(_position);
        }

        _name = tag.Name.ToString();
        _schema = context.Schema(_name);
        _arguments.Clear();
        _bodyStart = _position = tag.End;
        _state = State.InInvoke;
        return null;
    }

    private ReadResult? ReadInvoke(ReadOnlySpan<char> block, bool final)
    {
        if (_arguments.Count == 0 && _position == _bodyStart)
        {
            var first = Lookahead.SkipSpace(block, _position);
            if (first < block.Length && block[first] == '{')
            {
                (_valueStart, _state) = (first, State.InJson);
                _json = JsonScanner.At(first);
                return null;
            }

            if (first == block.Length && !final && first - _position < Lookahead.MaxSpace)
            {
                return ReadResult.More;
            }
        }

        var next = block[_position..].IndexOf('<');
        _position = next < 0 ? block.Length : _position + next;
        if (next < 0)
        {
            // Nothing but the opening tag was looked at twice: stay at the end, but never at the body's start again.
            _bodyStart = -1;
            return final ? Reject(_position) : ReadResult.More;
        }

        var tag = XmlTag.At(block, _position, syntax, final);
        if (tag.Status == XmlTagStatus.More)
        {
            return ReadResult.More;
        }

        if (tag.Status == XmlTagStatus.NoTag || (tag.Closes && tag.Element.SequenceEqual(syntax.Parameter)))
        {
            _position++;
            return null;
        }

        if (!tag.Closes && tag.Element.SequenceEqual(syntax.Parameter))
        {
            _key = tag.Name.ToString();
            _isString = tag.IsString;
            _valueStart = _position = tag.End;
            _state = State.InValue;
            return null;
        }

        // The call's own closer, or (its closer missing) what comes behind it.
        if (tag.Closes && tag.Element.SequenceEqual(syntax.Invoke))
        {
            _position = tag.End;
        }

        Complete();
        return null;
    }

    private ReadResult? ReadJson(ReadOnlySpan<char> block, bool final)
    {
        if (_json.Advance(block))
        {
            _position = _json.Position;
            _call = JsonCalls.FromArguments(_name, block[_valueStart.._position]);
            _bodyStart = -1;
            _state = State.InInvoke;
            return null;
        }

        return final || _json.IsBroken ? Reject(_json.Position) : ReadResult.More;
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
            var tag = XmlTag.At(block, _position, syntax, final);
            var ends = tag.Status == XmlTagStatus.Tag ? EndsValue(block, tag, final) : tag.Status == XmlTagStatus.More ? null : false;
            if (ends is null)
            {
                return ReadResult.More;
            }

            if (ends.Value)
            {
                SetValue(block[_valueStart.._position]);
                _position = tag.Closes && tag.Element.SequenceEqual(syntax.Parameter) ? tag.End : _position;
                _bodyStart = -1;
                _state = State.InInvoke;
                return null;
            }

            _position++;
        }
    }

    /// <summary>Whether a tag inside a value ends it; null when more characters are needed to know.</summary>
    private bool? EndsValue(ReadOnlySpan<char> block, XmlTag tag, bool final)
    {
        var isParameter = tag.Element.SequenceEqual(syntax.Parameter);
        if (!tag.Closes)
        {
            // The closer is missing where another parameter of the tool begins; else the tag is part of the value.
            var name = tag.Name.ToString();
            return isParameter && name != _key && (_schema.IsKnown ? _schema.Declares(name) && !_arguments.Contains(name) : _position > 0 && block[_position - 1] == '\n');
        }

        var at = tag.End;
        if (!Lookahead.SkipTexts(block, ref at, syntax.Closers, final))
        {
            return null;
        }

        if (at - tag.End >= Lookahead.MaxSpace)
        {
            return isParameter;
        }

        if (at == block.Length)
        {
            // At the end of the output, a call's closer inside a value may be the value's own text, cut off: no call.
            return final ? isParameter : null;
        }

        if (block[at] != '<')
        {
            return at > tag.End && syntax.Closers.Count > 0 && !block[tag.End..at].IsWhiteSpace();
        }

        var behind = XmlTag.At(block, at, syntax, final);
        if (behind.Status == XmlTagStatus.More)
        {
            return null;
        }

        if (behind.Status == XmlTagStatus.NoTag)
        {
            return false;
        }

        var behindParameter = behind.Element.SequenceEqual(syntax.Parameter);
        return isParameter ? behindParameter ? !behind.Closes : true
            : tag.Element.SequenceEqual(syntax.Invoke) && !behindParameter && !(behind.Closes && behind.Element.SequenceEqual(syntax.Invoke));
    }

    private ReadResult? ReadAfterInvoke(ReadOnlySpan<char> block, bool final)
    {
        var at = _position;
        if (!Lookahead.SkipTexts(block, ref at, syntax.Closers, final))
        {
            return ReadResult.More;
        }

        var end = _position + block[_position..at].TrimEnd().Length;
        if (!Lookahead.SkipTexts(block, ref at, syntax.Preambles, final))
        {
            return ReadResult.More;
        }

        if (at == block.Length && !final && at - _position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        if (at < block.Length && block[at] == '<')
        {
            var tag = XmlTag.At(block, at, syntax, final);
            if (tag.Status == XmlTagStatus.More)
            {
                return ReadResult.More;
            }

            if (tag.Status == XmlTagStatus.Tag && !tag.Closes && tag.Element.SequenceEqual(syntax.Invoke))
            {
                var call = _call!;
                (_call, _position, _openerLength, _state) = (null, 0, 0, State.BeforeInvoke);
                return ReadResult.CallThenMore(call, at);
            }

            if (tag.Status == XmlTagStatus.Tag && tag.Closes && !tag.Element.SequenceEqual(syntax.Parameter))
            {
                end = tag.End;
            }
        }

        return ReadResult.LastCall(_call!, end);
    }

    private void Complete()
    {
        _state = State.AfterInvoke;
        if (_call is not null)
        {
            return;
        }

        if (syntax.Unwraps && _arguments.Single is (("arguments" or "input") and var key, var json) && !_schema.Declares(key) && IsSubset(json))
        {
            _call = new ParsedCall(_name, json);
            return;
        }

        _call = new ParsedCall(_name, _arguments.ToJson());
    }

    private bool IsSubset(string json)
    {
        using var document = JsonText.Parse(json);
        return document is { RootElement.ValueKind: System.Text.Json.JsonValueKind.Object } && _schema.IsKnown
            && document.RootElement.EnumerateObject().All(member => _schema.Declares(member.Name));
    }

    private void SetValue(ReadOnlySpan<char> raw)
    {
        var value = raw;
        if (syntax.NewlineFraming)
        {
            value = value.StartsWith("\r\n") ? value[2..] : value.StartsWith("\n") ? value[1..] : value;
            value = value[..^Framing.Trailing(value, 1, open: false)];
        }

        value = syntax.Trims ? value.Trim() : value;
        if (syntax.DecodesEntities)
        {
            value = XmlEntities.Decode(value);
        }

        _arguments.Set(_key, ToJson(value));
    }

    private string ToJson(ReadOnlySpan<char> value)
    {
        var types = _schema.Types(_key);
        switch (syntax.Typing)
        {
            case XmlTyping.Text:
            case XmlTyping.StringAttribute when _isString == true:
                return JsonText.Quote(value);
            case XmlTyping.StringAttribute when _isString == false:
            case XmlTyping.SchemaThenJson or XmlTyping.StringAttribute when types == ValueTypes.Unknown:
                using (var document = JsonText.Parse(value))
                {
                    return document is null ? JsonText.Quote(value) : value.Trim().ToString();
                }

            default:
                return _schema.Coerce(_key, value);
        }
    }

    private ReadResult Reject(int examined) => ReadResult.Reject(Math.Max(_openerLength, 1), examined);
}

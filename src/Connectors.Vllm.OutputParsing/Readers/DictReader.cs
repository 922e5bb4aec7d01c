using System.Text;
using Connectors.Vllm.OutputParsing.Schemas;

namespace Connectors.Vllm.OutputParsing.Readers;

/// <summary>Reads calls such as <c>call:name{key:value,…}</c> whose strings stand between delimiters (Gemma 4, FunctionGemma).</summary>
internal sealed class DictReader(ReaderContext context, DictSyntax syntax) : CallReader
{
    private const int MaxDepth = 64;
    private readonly string[] _delimiter = [syntax.Delimiter];
    private int _openerLength;
    private int _position;
    private int _start;
    private int _depth;
    private bool _inString;
    private bool _complete;

    public override void Begin(ReadOnlySpan<char> opener, int openerLength)
    {
        _openerLength = _position = openerLength;
        _start = -1;
        (_depth, _inString, _complete) = (0, false, false);
    }

    public override ReadResult Read(ReadOnlySpan<char> block, bool final)
    {
        if (_start < 0)
        {
            var at = block[_position..].IndexOfAny('{', '(', '<');
            if (at < 0)
            {
                var soFar = block[_openerLength..];
                return final || soFar.Length > 300 || soFar.Trim().Contains('\n') ? Reject(block.Length) : ReadResult.More;
            }

            if (block[_position + at] == '<' || !Lookahead.IsName(Name(block[_openerLength..(_position + at)])))
            {
                return Reject(_position + at);
            }

            _start = _position += at;
        }

        if (!_complete && !FindEnd(block))
        {
            return final ? Reject(block.Length) : ReadResult.More;
        }

        _complete = true;
        var end = Lookahead.SkipSpace(block, _position);
        var length = Lookahead.Prefix(block[end..], syntax.Closers, out var open);
        if (length == 0 && open && !final && end - _position < Lookahead.MaxSpace)
        {
            return ReadResult.More;
        }

        var name = Name(block[_openerLength.._start]).ToString();
        var body = block[_start.._position];
        return ReadResult.LastCall(ToCall(name, body), length > 0 ? end + length : _position);
    }

    private static ReadOnlySpan<char> Name(ReadOnlySpan<char> header)
    {
        var name = header.Trim();
        name = name.StartsWith("call") && name[4..].TrimStart() is [':', ..] ? name[4..].TrimStart()[1..] : name.StartsWith(":") ? name[1..] : name;
        return name.Trim();
    }

    private bool FindEnd(ReadOnlySpan<char> block)
    {
        while (_position < block.Length)
        {
            var rest = block[_position..];
            var next = _inString ? rest.IndexOf(syntax.Delimiter[0]) : rest.IndexOfAny("{}[]()<".AsSpan());
            if (next < 0)
            {
                _position = block.Length;
                return false;
            }

            _position += next;
            var c = block[_position];
            if (c == syntax.Delimiter[0])
            {
                var length = Lookahead.Prefix(block[_position..], _delimiter, out var open);
                if (open)
                {
                    return false;
                }

                _inString ^= length > 0;
                _position += Math.Max(length, 1);
                continue;
            }

            _position++;
            _depth += c is '{' or '[' or '(' ? 1 : -1;
            if (_depth <= 0)
            {
                return true;
            }
        }

        return false;
    }

    private ParsedCall ToCall(string name, ReadOnlySpan<char> body)
    {
        if (!body.Contains(syntax.Delimiter, StringComparison.Ordinal) && body[0] == '{' && JsonText.IsObject(body))
        {
            return new ParsedCall(name, body.ToString());
        }

        var i = 0;
        var json = new StringBuilder();
        return Value(body, ref i, json, context.Schema(name).Root, 0) && i == body.Length
            ? new ParsedCall(name, json.ToString())
            : new ParsedCall(name, body.ToString(), null, "The arguments are no dictionary.");
    }

    private bool Value(ReadOnlySpan<char> text, ref int i, StringBuilder json, SchemaNode schema, int depth)
    {
        Skip(text, ref i);
        if (i >= text.Length || depth > MaxDepth)
        {
            return false;
        }

        if (TakeString(text, ref i, out var value))
        {
            // A delimited string stays one, unless the schema allows none.
            var types = schema.Types;
            json.Append(types == ValueTypes.Unknown || types.HasFlag(ValueTypes.Text) ? JsonText.Quote(value) : ValueCoercer.Coerce(value, types));
            return true;
        }

        switch (text[i])
        {
            case '{' or '(' when depth == 0 || text[i] == '{':
                return Members(text, ref i, json, schema, depth);
            case '[':
                return Items(text, ref i, json, schema, depth);
        }

        var start = i;
        while (i < text.Length && text[i] is not (',' or '}' or ']' or ')'))
        {
            i++;
        }

        var word = text[start..i].Trim();
        json.Append(Bare(word, schema.Types));
        return true;
    }

    // Words without delimiters are typed by their spelling, but never against the schema.
    private static string Bare(ReadOnlySpan<char> word, ValueTypes types) =>
        types == ValueTypes.Unknown
            ? word is "true" or "false" or "null" || ValueCoercer.IsNumber(word) ? word.ToString() : JsonText.Quote(word)
            : ValueCoercer.Coerce(word, types);

    private bool Members(ReadOnlySpan<char> text, ref int i, StringBuilder json, SchemaNode schema, int depth)
    {
        var end = text[i] == '(' ? ')' : '}';
        i++;
        var members = new ArgumentsWriter();
        while (true)
        {
            Skip(text, ref i);
            if (i < text.Length && text[i] == end)
            {
                i++;
                json.Append(members.ToJson());
                return true;
            }

            if (!TakeString(text, ref i, out var key))
            {
                var start = i;
                while (i < text.Length && text[i] is not (':' or '=' or ',' or '{' or '}' or ')'))
                {
                    i++;
                }

                key = text[start..i].Trim().Trim('"');
            }

            Skip(text, ref i);
            if (key.IsEmpty || i >= text.Length || text[i] is not (':' or '='))
            {
                return false;
            }

            i++;
            var value = new StringBuilder();
            var name = key.ToString();
            if (!Value(text, ref i, value, schema.Property(name), depth + 1))
            {
                return false;
            }

            members.Set(name, value.ToString());
            if (!CommaOr(text, ref i, end))
            {
                return false;
            }
        }
    }

    private bool Items(ReadOnlySpan<char> text, ref int i, StringBuilder json, SchemaNode schema, int depth)
    {
        i++;
        json.Append('[');
        for (var first = true; ; first = false)
        {
            Skip(text, ref i);
            if (i < text.Length && text[i] == ']')
            {
                i++;
                json.Append(']');
                return true;
            }

            json.Append(first ? "" : ", ");
            if (!Value(text, ref i, json, schema.Items, depth + 1) || !CommaOr(text, ref i, ']'))
            {
                return false;
            }
        }
    }

    private bool TakeString(ReadOnlySpan<char> text, ref int i, out ReadOnlySpan<char> value)
    {
        value = default;
        if (!text[i..].StartsWith(syntax.Delimiter, StringComparison.Ordinal))
        {
            return false;
        }

        var start = i + syntax.Delimiter.Length;
        var length = text[start..].IndexOf(syntax.Delimiter, StringComparison.Ordinal);
        if (length < 0)
        {
            return false;
        }

        value = text.Slice(start, length);
        i = start + length + syntax.Delimiter.Length;
        return true;
    }

    private static bool CommaOr(ReadOnlySpan<char> text, ref int i, char end)
    {
        Skip(text, ref i);
        if (i < text.Length && text[i] == ',')
        {
            i++;
            return true;
        }

        return i < text.Length && text[i] == end;
    }

    private static void Skip(ReadOnlySpan<char> text, ref int i)
    {
        while (i < text.Length && char.IsWhiteSpace(text[i]))
        {
            i++;
        }
    }

    private ReadResult Reject(int examined) => ReadResult.Reject(Math.Max(_openerLength, 1), examined);
}

/// <summary>How calls stand as a name and a dictionary with delimited strings.</summary>
/// <param name="Delimiter">What stands before and behind a string.</param>
/// <param name="Closers">Markers behind a call.</param>
internal sealed record DictSyntax(string Delimiter, IReadOnlyList<string> Closers);

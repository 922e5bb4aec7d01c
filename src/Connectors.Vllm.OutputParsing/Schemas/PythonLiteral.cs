using System.Globalization;
using System.Text;

namespace Connectors.Vllm.OutputParsing.Schemas;

/// <summary>Turns Python literals into JSON: strings, numbers, True/False/None, lists, tuples, sets, dicts. Bounded depth, linear time.</summary>
internal ref struct PythonLiteral
{
    private const int MaxDepth = 128;
    private const string Escapes = "ntrbfav0\\'\"/";
    private const string Escaped = "\n\t\r\b\f\a\v\0\\'\"/";
    private readonly ReadOnlySpan<char> _text;
    private readonly StringBuilder _json;
    private int _position;

    private PythonLiteral(ReadOnlySpan<char> text, int position, StringBuilder json)
    {
        _text = text;
        _position = position;
        _json = json;
    }

    /// <summary>JSON text of one whole literal; null when the text is none.</summary>
    public static string? ToJson(ReadOnlySpan<char> text)
    {
        var json = new StringBuilder(text.Length);
        var position = 0;
        return TryRead(text, ref position, json) && text[position..].IsWhiteSpace() ? json.ToString() : null;
    }

    /// <summary>Reads one literal at a position and appends its JSON.</summary>
    public static bool TryRead(ReadOnlySpan<char> text, ref int position, StringBuilder json)
    {
        var literal = new PythonLiteral(text, position, json);
        if (!literal.Value(0, joins: true))
        {
            return false;
        }

        position = literal._position;
        return true;
    }

    /// <summary>Gets the text that the content of a quoted string represents.</summary>
    public static string Unescape(ReadOnlySpan<char> inside)
    {
        if (inside.IndexOf('\\') < 0)
        {
            return inside.ToString();
        }

        var literal = new PythonLiteral(inside, 0, new StringBuilder());
        while (literal._position < inside.Length)
        {
            if (inside[literal._position] == '\\')
            {
                literal.Escape(literal._json);
            }
            else
            {
                literal._json.Append(inside[literal._position++]);
            }
        }

        return literal._json.ToString();
    }

    private bool Value(int depth, bool joins = false)
    {
        SkipSpace();
        if (depth > MaxDepth || _position >= _text.Length)
        {
            return false;
        }

        return _text[_position] switch
        {
            '[' => Sequence(']', depth),
            '(' => Sequence(')', depth),
            '{' => Braces(depth),
            '"' or '\'' => Strings(joins),
            'r' or 'R' or 'u' or 'U' when _text[_position..] is [_, '"' or '\'', ..] => Strings(joins),
            _ => Word(),
        };
    }

    private bool Sequence(char end, int depth)
    {
        _position++;
        var start = _json.Length;
        _json.Append('[');
        for (var first = true; ; first = false)
        {
            SkipSpace();
            if (Take(end))
            {
                _json.Append(']');
                return true;
            }

            if (!first)
            {
                _json.Append(", ");
            }

            if (!Value(depth + 1, joins: end == ')'))
            {
                return false;
            }

            SkipSpace();
            if (first && end == ')' && Take(end))
            {
                // Parentheses around one value and no comma make no tuple.
                _json.Remove(start, 1);
                return true;
            }

            if (!CommaOr(end))
            {
                return false;
            }
        }
    }

    /// <summary>A dict, or a set (which becomes an array).</summary>
    private bool Braces(int depth)
    {
        _position++;
        var start = _json.Length;
        _json.Append('{');
        var isSet = false;
        for (var first = true; ; first = false)
        {
            SkipSpace();
            if (Take('}'))
            {
                _json.Append(isSet ? ']' : '}');
                return true;
            }

            if (!first)
            {
                _json.Append(", ");
            }

            var key = _json.Length;
            if (!Value(depth + 1))
            {
                return false;
            }

            SkipSpace();
            if (!isSet && Take(':'))
            {
                if (_json[key] != '"')
                {
                    _json.Insert(key, '"').Append('"');
                }

                _json.Append(": ");
                if (!Value(depth + 1))
                {
                    return false;
                }
            }
            else if (first)
            {
                isSet = true;
                _json[start] = '[';
            }
            else if (!isSet)
            {
                return false;
            }

            if (!CommaOr('}'))
            {
                return false;
            }
        }
    }

    private bool CommaOr(char end)
    {
        SkipSpace();
        return Take(',') || (_position < _text.Length && _text[_position] == end);
    }

    /// <summary>A string, or several side by side that are one: not in a list or dict, where a comma is more likely to be missing.</summary>
    private bool Strings(bool joins)
    {
        var value = new StringBuilder();
        do
        {
            var prefix = _text[_position] is '"' or '\'' ? '"' : _text[_position++];
            if (!String(value, isRaw: prefix is 'r' or 'R'))
            {
                return false;
            }

            SkipSpace();
        }
        while (joins && _text[_position..] is ['"' or '\'', ..] or ['r' or 'R' or 'u' or 'U', '"' or '\'', ..]);
        JsonText.AppendString(_json, value.ToString());
        return true;
    }

    private bool String(StringBuilder value, bool isRaw)
    {
        var quote = _text[_position];
        var triple = _text[_position..] is [_, var second, var third, ..] && second == quote && third == quote;
        _position += triple ? 3 : 1;
        while (_position < _text.Length)
        {
            var c = _text[_position];
            if (c == quote && (!triple || (_text[_position..] is [_, var next, var last, ..] && next == quote && last == quote)))
            {
                _position += triple ? 3 : 1;
                return true;
            }

            if (c == '\\' && !isRaw)
            {
                Escape(value);
                continue;
            }

            if (c == '\\' && _position + 1 < _text.Length)
            {
                // A quote behind a backslash ends no string, raw or not.
                value.Append(c);
                c = _text[++_position];
            }

            value.Append(c);
            _position++;
        }

        return false;
    }

    private void Escape(StringBuilder value)
    {
        _position++;
        if (_position >= _text.Length)
        {
            value.Append('\\');
            return;
        }

        var c = _text[_position++];
        if (c is 'x' or 'u' or 'U')
        {
            Hex(c, value);
        }
        else if (Escapes.IndexOf(c, StringComparison.Ordinal) is >= 0 and var at)
        {
            value.Append(Escaped[at]);
        }
        else if (c != '\n')
        {
            // A line break after a backslash joins two lines.
            value.Append('\\').Append(c);
        }
    }

    private void Hex(char kind, StringBuilder value)
    {
        var length = kind switch { 'x' => 2, 'u' => 4, _ => 8 };
        var digits = _position + length <= _text.Length ? _text.Slice(_position, length) : [];
        if (uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) && code <= 0x10ffff)
        {
            _position += length;
            if (code > 0xffff)
            {
                value.Append(char.ConvertFromUtf32((int)code));
            }
            else
            {
                value.Append((char)code);
            }

            return;
        }

        value.Append('\\').Append(kind);
    }

    /// <summary>A number or a name.</summary>
    private bool Word()
    {
        var start = _position;
        while (_position < _text.Length && (char.IsAsciiLetterOrDigit(_text[_position]) || _text[_position] is '_' or '.' or '+' or '-'))
        {
            _position++;
        }

        var word = _text[start.._position];
        switch (word)
        {
            case "None" or "null":
                _json.Append("null");
                return true;
            case "True" or "true":
                _json.Append("true");
                return true;
            case "False" or "false":
                _json.Append("false");
                return true;
        }

        if (ValueCoercer.IsNumber(word))
        {
            _json.Append(word);
            return true;
        }

        return Number(word);
    }

    /// <summary>Numbers that Python has and JSON does not: signs, leading zeros, underscores, missing digits around the point, hexadecimal.</summary>
    private readonly bool Number(ReadOnlySpan<char> word)
    {
        var text = word.ToString().Replace("_", "", StringComparison.Ordinal);
        var negative = text.StartsWith('-');
        text = text.TrimStart('+', '-');
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            && ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex))
        {
            _json.Append(negative ? "-" : "").Append(hex);
            return true;
        }

        if (text.Length == 0 || !char.IsAsciiDigit(text[0]) && text[0] != '.')
        {
            return false;
        }

        text = text.TrimStart('0');
        text = text is "" || !char.IsAsciiDigit(text[0]) ? "0" + text : text;
        text = text.EndsWith('.') ? text + "0" : text.Replace(".e", ".0e", StringComparison.OrdinalIgnoreCase);
        if (!ValueCoercer.IsNumber(text))
        {
            return false;
        }

        _json.Append(negative ? "-" : "").Append(text);
        return true;
    }

    private bool Take(char c)
    {
        if (_position < _text.Length && _text[_position] == c)
        {
            _position++;
            return true;
        }

        return false;
    }

    private void SkipSpace()
    {
        while (_position < _text.Length && char.IsWhiteSpace(_text[_position]))
        {
            _position++;
        }
    }
}

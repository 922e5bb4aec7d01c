using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>
/// Tokenizes a template like jinja2's lexer with trim_blocks and lstrip_blocks: text, tags with their white-space control, and the content of tags.
/// Rules: https://jinja.palletsprojects.com/en/stable/templates/#whitespace-control.
/// </summary>
internal sealed class Lexer(string source)
{
    private static readonly string[] Operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private readonly List<Token> _tokens = [];
    private readonly Stack<char> _brackets = new();
    private int _at;
    private bool _lineStarting = true;

    public List<Token> Tokenize()
    {
        while (_at < source.Length)
        {
            ReadText();
        }

        _tokens.Add(new Token(TokenType.Eof, "", source.Length));
        return _tokens;
    }

    private void ReadText()
    {
        var tag = FindTag(_at);
        if (tag < 0)
        {
            AddData(_at, source.Length);
            _at = source.Length;
            return;
        }

        var kind = source[tag + 1];
        var sign = tag + 2 < source.Length && source[tag + 2] is '-' or '+' ? source[tag + 2] : '\0';
        AddData(_at, TextEnd(_at, tag, sign, isVariable: kind == '{'));
        var inside = tag + (sign == '\0' ? 2 : 3);
        if (kind == '#')
        {
            SkipComment(tag, inside);
        }
        else if (kind == '{')
        {
            ReadTag(tag, inside, TokenType.VariableBegin);
        }
        else if (RawBody(inside) is { } body)
        {
            ReadRaw(tag, body);
        }
        else
        {
            ReadTag(tag, inside, TokenType.BlockBegin);
        }
    }

    private int FindTag(int from)
    {
        while (true)
        {
            var next = source.IndexOf('{', from);
            if (next < 0 || next + 1 >= source.Length)
            {
                return -1;
            }

            if (source[next + 1] is '%' or '{' or '#')
            {
                return next;
            }

            from = next + 1;
        }
    }

    private int TextEnd(int start, int end, char sign, bool isVariable)
    {
        if (sign == '-')
        {
            while (end > start && Characters.IsSpace(source[end - 1]))
            {
                end--;
            }

            return end;
        }

        if (sign == '+' || isVariable)
        {
            return end;
        }

        // lstrip_blocks removes the white space between the start of the line and the tag.
        var lineStart = end == start ? -1 : source.LastIndexOf('\n', end - 1, end - start);
        if (lineStart < 0 && !_lineStarting)
        {
            return end;
        }

        var blank = lineStart < 0 ? start : lineStart + 1;
        for (var i = blank; i < end; i++)
        {
            if (!Characters.IsSpace(source[i]))
            {
                return end;
            }
        }

        return blank;
    }

    private void AddData(int start, int end)
    {
        if (end > start)
        {
            _tokens.Add(new Token(TokenType.Data, source[start..end], start));
        }
    }

    private void SkipComment(int tag, int inside)
    {
        var close = source.IndexOf("#}", inside, StringComparison.Ordinal);
        if (close < 0)
        {
            // The reference ignores a comment that is opened by the last characters.
            _at = inside == source.Length ? inside : throw new TemplateSyntaxException("Missing end of comment tag", tag);
            return;
        }

        FinishTag(close, close > inside ? source[close - 1] : '\0', trimNewline: true);
    }

    /// <summary>Moves past a closing tag at <paramref name="close"/>, including the white space removed by its sign or by trim_blocks.</summary>
    private void FinishTag(int close, char sign, bool trimNewline)
    {
        _at = close + 2;
        if (sign == '-')
        {
            _at = SkipSpaces(_at);
        }
        else if (sign != '+' && trimNewline && _at < source.Length && source[_at] == '\n')
        {
            _at++;
        }

        _lineStarting = source[_at - 1] == '\n';
    }

    private int SkipSpaces(int at)
    {
        while (at < source.Length && Characters.IsSpace(source[at]))
        {
            at++;
        }

        return at;
    }

    /// <summary>Gets the start of the text of a raw block, or null if the tag is not a raw tag.</summary>
    private int? RawBody(int inside)
    {
        var at = SkipSpaces(inside);
        if (!source.AsSpan(at).StartsWith("raw"))
        {
            return null;
        }

        at = SkipSpaces(at + 3);
        return source.AsSpan(at).StartsWith("-%}") ? SkipSpaces(at + 3) : source.AsSpan(at).StartsWith("%}") ? at + 2 : null;
    }

    private void ReadRaw(int tag, int body)
    {
        _lineStarting = source[body - 1] == '\n';
        for (var open = source.IndexOf("{%", body, StringComparison.Ordinal);
            open >= 0;
            open = source.IndexOf("{%", open + 1, StringComparison.Ordinal))
        {
            var sign = open + 2 < source.Length && source[open + 2] is '-' or '+' ? source[open + 2] : '\0';
            var at = SkipSpaces(open + (sign == '\0' ? 2 : 3));
            if (!source.AsSpan(at).StartsWith("endraw"))
            {
                continue;
            }

            at = SkipSpaces(at + 6);
            var endSign = at < source.Length && source[at] is '-' or '+' ? source[at] : '\0';
            at += endSign == '\0' ? 0 : 1;
            if (source.AsSpan(at).StartsWith("%}"))
            {
                AddData(body, TextEnd(body, open, sign, isVariable: false));
                FinishTag(at, endSign, trimNewline: true);
                return;
            }
        }

        // As with comments, a tag at the end is not an error.
        _at = body == source.Length ? body : throw new TemplateSyntaxException("Missing end of raw directive", tag);
    }

    private void ReadTag(int tag, int inside, TokenType begin)
    {
        var isBlock = begin == TokenType.BlockBegin;
        _tokens.Add(new Token(begin, "", tag));
        _at = inside;
        _brackets.Clear();
        while (true)
        {
            if (_brackets.Count == 0 && TryEndTag(isBlock))
            {
                return;
            }

            if (_at >= source.Length)
            {
                throw new TemplateSyntaxException($"unexpected end of template: the tag that starts here is not closed", tag);
            }

            if (Characters.IsSpace(source[_at]))
            {
                _at = SkipSpaces(_at);
                continue;
            }

            ReadToken();
        }
    }

    private bool TryEndTag(bool isBlock)
    {
        var rest = source.AsSpan(_at);
        var sign = rest.Length > 0 && (rest[0] == '-' || (rest[0] == '+' && isBlock)) ? rest[0] : '\0';
        var close = _at + (sign == '\0' ? 0 : 1);
        if (!source.AsSpan(close).StartsWith(isBlock ? "%}" : "}}"))
        {
            return false;
        }

        _tokens.Add(new Token(isBlock ? TokenType.BlockEnd : TokenType.VariableEnd, "", _at));
        FinishTag(close, sign, trimNewline: isBlock);
        return true;
    }

    private void ReadToken()
    {
        var unit = source[_at];
        var start = _at;
        if (char.IsAsciiDigit(unit))
        {
            var (length, isFloat) = NumberLexer.Measure(source, _at);
            _at += length;
            var digits = source[start.._at].Replace("_", "", StringComparison.Ordinal);
            _tokens.Add(new Token(isFloat ? TokenType.Float : TokenType.Integer, digits, start));
        }
        else if (Identifier.IsPart(unit))
        {
            while (_at < source.Length && Identifier.IsPart(source[_at]))
            {
                _at++;
            }

            var name = source[start.._at];
            _tokens.Add(Identifier.IsStart(unit)
                ? new Token(TokenType.Name, name, start)
                : throw new TemplateSyntaxException("Invalid character in identifier", start));
        }
        else if (unit is '\'' or '"')
        {
            _tokens.Add(new Token(TokenType.String, ReadString(unit), start));
        }
        else
        {
            ReadOperator();
        }
    }

    private string ReadString(char quote)
    {
        for (var end = _at + 1; end < source.Length; end++)
        {
            if (source[end] == '\\')
            {
                end++;
            }
            else if (source[end] == quote)
            {
                var body = source.AsSpan(_at + 1, end - _at - 1);
                var text = body.Contains('\\') ? StringEscapes.Decode(body, _at + 1) : body.ToString();
                _at = end + 1;
                return text;
            }
        }

        throw new TemplateSyntaxException($"unexpected char {quote}: the string that starts here is not closed", _at);
    }

    private void ReadOperator()
    {
        var rest = source.AsSpan(_at);
        foreach (var symbol in Operators)
        {
            if (rest.StartsWith(symbol))
            {
                Balance(symbol[0]);
                _tokens.Add(new Token(TokenType.Operator, symbol, _at));
                _at += symbol.Length;
                return;
            }
        }

        throw new TemplateSyntaxException($"unexpected char '{rest[0]}'", _at);
    }

    private void Balance(char symbol)
    {
        switch (symbol)
        {
            case '(' or '[' or '{':
                _brackets.Push(symbol == '(' ? ')' : symbol == '[' ? ']' : '}');
                break;
            case ')' or ']' or '}':
                if (!_brackets.TryPop(out var expected))
                {
                    throw new TemplateSyntaxException($"unexpected '{symbol}'", _at);
                }

                if (expected != symbol)
                {
                    throw new TemplateSyntaxException($"unexpected '{symbol}', expected '{expected}'", _at);
                }

                break;
        }
    }
}

/// <summary>A template's source with Python's universal newlines, and the mapping from offsets to lines and columns.</summary>
internal sealed class SourceText
{
    private const int MaxShownLength = 160;

    public SourceText(string source, string? name)
    {
        Name = name;

        // Only \r\n and \r: ReplaceLineEndings would also replace \f, U+0085, U+2028 and U+2029.
        var text = source.Contains('\r') ? source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n') : source;

        // Jinja removes one newline at the end.
        Text = text.EndsWith('\n') ? text[..^1] : text;
    }

    public string Text { get; }

    public string? Name { get; }

    public ChatTemplateException Error(string reason, int position, Exception? cause = null)
    {
        position = Math.Clamp(position, 0, Text.Length);
        var start = position == 0 ? 0 : Text.LastIndexOf('\n', position - 1) + 1;
        var end = Text.IndexOf('\n', position);
        end = end < 0 ? Text.Length : end;
        var line = Text.AsSpan(0, start).Count('\n') + 1;
        var from = Math.Max(start, Math.Min(position - (MaxShownLength / 2), end - MaxShownLength));
        var shown = Text[from..Math.Min(end, from + MaxShownLength)];
        return new ChatTemplateException(reason, line, position - start + 1, shown, Name, cause);
    }
}

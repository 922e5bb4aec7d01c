using System.Text;

namespace Connectors.Vllm.Testing.Model;

/// <summary>
/// Generates a short text that matches a regular expression: the first alternative, the fewest repetitions, the first character of a class. Supports
/// literals, classes, groups, alternatives, quantifiers and the usual escapes.
/// </summary>
internal sealed class RegexSampler
{
    private const int MaxDepth = 64;
    private const int MaxLength = 4096;
    private readonly string _pattern;
    private int _at;

    private RegexSampler(string pattern) => _pattern = pattern;

    public static string Sample(string pattern)
    {
        var text = new RegexSampler(pattern).Alternatives(0);
        return text.Length > MaxLength ? text[..MaxLength] : text;
    }

    private string Alternatives(int depth)
    {
        var first = Branch(depth);
        while (_at < _pattern.Length && _pattern[_at] == '|')
        {
            _at++;
            Branch(depth);
        }

        return first;
    }

    private string Branch(int depth)
    {
        var text = new StringBuilder();
        while (_at < _pattern.Length && _pattern[_at] is not ('|' or ')') && text.Length <= MaxLength)
        {
            var atom = Atom(depth);
            var least = Quantifier();
            for (var i = 0; i < least && text.Length <= MaxLength; i++)
            {
                text.Append(atom);
            }
        }

        return text.ToString();
    }

    private string Atom(int depth)
    {
        var character = _pattern[_at++];
        switch (character)
        {
            case '(':
                return Group(depth);
            case '[':
                return Class();
            case '\\' when _at < _pattern.Length:
                return Escape(_pattern[_at++]);
            case '.':
                return "a";
            case '^' or '$':
                return "";
            default:
                return character.ToString();
        }
    }

    private string Group(int depth)
    {
        var isLook = false;
        if (_at + 1 < _pattern.Length && _pattern[_at] == '?')
        {
            isLook = _pattern[_at + 1] is '=' or '!' || (_pattern[_at + 1] == '<' && _at + 2 < _pattern.Length && _pattern[_at + 2] is '=' or '!');
            var named = !isLook && _pattern[_at + 1] is '<' or 'P';
            _at = named ? Math.Max(_pattern.IndexOf('>', _at), _at) + 1 : _at + 2;
        }

        var text = depth < MaxDepth ? Alternatives(depth + 1) : "";
        _at = Math.Min(_at + 1, _pattern.Length);
        return isLook ? "" : text;
    }

    private string Class()
    {
        var isNegated = _at < _pattern.Length && _pattern[_at] == '^';
        _at += isNegated ? 1 : 0;
        var start = _at;
        var first = _at >= _pattern.Length ? ""
            : _pattern[_at] == '\\' && _at + 1 < _pattern.Length ? Escape(_pattern[_at + 1])
            : _pattern[_at].ToString();
        while (_at < _pattern.Length && (_pattern[_at] != ']' || _at == start))
        {
            _at += _pattern[_at] == '\\' ? 2 : 1;
        }

        var body = _pattern[start..Math.Min(_at, _pattern.Length)];
        _at = Math.Min(_at + 1, _pattern.Length);
        return !isNegated ? first : body.Contains('a', StringComparison.Ordinal) || body.Contains('w', StringComparison.Ordinal) ? "." : "a";
    }

    private static string Escape(char character) => character switch
    {
        'd' => "1",
        'w' => "a",
        's' => " ",
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        'D' or 'S' => "a",
        'W' => " ",
        'b' or 'B' or 'A' or 'z' or 'Z' => "",
        _ => character.ToString(),
    };

    private int Quantifier()
    {
        if (_at >= _pattern.Length)
        {
            return 1;
        }

        var least = 1;
        switch (_pattern[_at])
        {
            case '*' or '?':
                least = 0;
                _at++;
                break;
            case '+':
                _at++;
                break;
            case '{' when _pattern.IndexOf('}', _at) is var close and > 0
                && int.TryParse(_pattern.AsSpan(_at + 1, close - _at - 1).ToString().Split(',')[0], out var count):
                least = Math.Min(count, MaxLength);
                _at = close + 1;
                break;
            default:
                return 1;
        }

        _at += _at < _pattern.Length && _pattern[_at] is '?' or '+' ? 1 : 0;
        return least;
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>
/// JSON text to <see cref="PromptValue"/> as Python's json.loads reads it (https://docs.python.org/3/library/json.html): big integers are kept, the
/// last value of duplicate keys is used at the position of the first one, and unpaired surrogate escapes are kept.
/// </summary>
internal ref struct PythonJsonReader
{
    private const int MaxDepth = 500;
    private const int MaxStrictDepth = 128;
    private const int IndexedMemberCount = 8;

    private readonly ReadOnlySpan<char> _json;
    private readonly JsonDialect _dialect;
    private int _position;
    private string? _error;

    private PythonJsonReader(ReadOnlySpan<char> json, JsonDialect dialect)
    {
        _json = json;
        _dialect = dialect;
    }

    /// <summary>Parses a whole text; <paramref name="error"/> contains the problem and the position.</summary>
    public static bool TryParse(
        ReadOnlySpan<char> json, JsonDialect dialect, [NotNullWhen(true)] out PromptValue? value, [NotNullWhen(false)] out string? error)
    {
        var reader = new PythonJsonReader(json, dialect);
        reader.SkipBlanks();
        value = reader.ReadValue(0);
        reader.SkipBlanks();
        if (value is not null && reader._position < json.Length)
        {
            value = reader.Fail("unexpected text after the value");
        }

        error = reader._error;
        return value is not null;
    }

    private PromptValue? Fail(string what)
    {
        _error ??= string.Create(CultureInfo.InvariantCulture, $"{what} at character {_position}");
        return null;
    }

    private void SkipBlanks()
    {
        while (_position < _json.Length && _json[_position] is ' ' or '\t' or '\n' or '\r')
        {
            _position++;
        }
    }

    private bool TryTake(char expected)
    {
        if (_position < _json.Length && _json[_position] == expected)
        {
            _position++;
            return true;
        }

        return false;
    }

    private bool TryTake(string literal)
    {
        if (_json[_position..].StartsWith(literal, StringComparison.Ordinal))
        {
            _position += literal.Length;
            return true;
        }

        return false;
    }

    private PromptValue? ReadValue(int depth)
    {
        if (depth > (_dialect == JsonDialect.Strict ? MaxStrictDepth : MaxDepth))
        {
            return Fail("too many levels");
        }

        if (_position >= _json.Length)
        {
            return Fail("a value is missing");
        }

        switch (_json[_position])
        {
            case '"':
                return ReadString() is { } text ? PromptValue.OfString(text) : null;
            case '{':
                return ReadObject(depth);
            case '[':
                return ReadArray(depth);
            case 't' when TryTake("true"):
                return PromptValue.True;
            case 'f' when TryTake("false"):
                return PromptValue.False;
            case 'n' when TryTake("null"):
                return PromptValue.Null;
            case 'N' when _dialect == JsonDialect.Python && TryTake("NaN"):
                return PromptValue.OfNumber("NaN");
            case 'I' when _dialect == JsonDialect.Python && TryTake("Infinity"):
                return PromptValue.OfNumber("Infinity");
            case '-' when _dialect == JsonDialect.Python && TryTake("-Infinity"):
                return PromptValue.OfNumber("-Infinity");
            case '-' or (>= '0' and <= '9'):
                return ReadNumber();
            default:
                return Fail("unexpected character");
        }
    }

    private PromptValue? ReadArray(int depth)
    {
        _position++;
        var items = new List<PromptValue>();
        SkipBlanks();
        if (TryTake(']'))
        {
            return PromptValue.OfArray(items);
        }

        while (true)
        {
            SkipBlanks();
            if (ReadValue(depth + 1) is not { } item)
            {
                return null;
            }

            items.Add(item);
            SkipBlanks();
            if (TryTake(']'))
            {
                return PromptValue.OfArray(items);
            }

            if (!TryTake(','))
            {
                return Fail("',' or ']' is missing");
            }
        }
    }

    private PromptValue? ReadObject(int depth)
    {
        _position++;
        var members = new List<KeyValuePair<string, PromptValue>>();
        Dictionary<string, int>? index = null;
        SkipBlanks();
        if (TryTake('}'))
        {
            return PromptValue.OfObject(members);
        }

        while (true)
        {
            SkipBlanks();
            if (_position >= _json.Length || _json[_position] != '"')
            {
                return Fail("a property name is missing");
            }

            if (ReadString() is not { } key)
            {
                return null;
            }

            SkipBlanks();
            if (!TryTake(':'))
            {
                return Fail("':' is missing");
            }

            SkipBlanks();
            if (ReadValue(depth + 1) is not { } value)
            {
                return null;
            }

            SetMember(members, ref index, key, value);
            SkipBlanks();
            if (TryTake('}'))
            {
                return PromptValue.OfObject(members);
            }

            if (!TryTake(','))
            {
                return Fail("',' or '}' is missing");
            }
        }
    }

    private static void SetMember(List<KeyValuePair<string, PromptValue>> members, ref Dictionary<string, int>? index, string key, PromptValue value)
    {
        var position = -1;
        if (index is not null)
        {
            position = index.GetValueOrDefault(key, -1);
        }
        else
        {
            position = members.FindIndex(member => string.Equals(member.Key, key, StringComparison.Ordinal));
        }

        if (position >= 0)
        {
            members[position] = KeyValuePair.Create(key, value);
            return;
        }

        members.Add(KeyValuePair.Create(key, value));
        if (index is not null)
        {
            index[key] = members.Count - 1;
        }
        else if (members.Count == IndexedMemberCount)
        {
            index = new Dictionary<string, int>(StringComparer.Ordinal);
            for (var i = 0; i < members.Count; i++)
            {
                index[members[i].Key] = i;
            }
        }
    }

    private PromptValue? ReadNumber()
    {
        var start = _position;
        TryTake('-');
        if (!TryTake('0') && SkipDigits() == 0)
        {
            return Fail("a digit is missing");
        }

        var integral = true;
        if (_position + 1 < _json.Length && _json[_position] == '.' && char.IsAsciiDigit(_json[_position + 1]))
        {
            integral = false;
            _position++;
            SkipDigits();
        }

        var beforeExponent = _position;
        if (_position < _json.Length && _json[_position] is 'e' or 'E')
        {
            _position++;
            if (!TryTake('+'))
            {
                TryTake('-');
            }

            if (SkipDigits() == 0)
            {
                _position = beforeExponent;
            }
            else
            {
                integral = false;
            }
        }

        var literal = _json[start.._position].ToString();
        if (!integral && !double.IsFinite(double.Parse(literal, NumberStyles.Float, CultureInfo.InvariantCulture)))
        {
            return _dialect == JsonDialect.Strict ? Fail("number out of range") : PromptValue.OfNumber(literal[0] == '-' ? "-Infinity" : "Infinity");
        }

        return PromptValue.OfNumber(literal);
    }

    private int SkipDigits()
    {
        var start = _position;
        while (_position < _json.Length && char.IsAsciiDigit(_json[_position]))
        {
            _position++;
        }

        return _position - start;
    }

    private string? ReadString()
    {
        var rest = _json[++_position..];
        var end = rest.IndexOfAny('"', '\\');
        if (end >= 0 && rest[end] == '"' && rest[..end].IndexOfAnyInRange('\0', '\u001f') < 0)
        {
            _position += end + 1;
            return rest[..end].ToString();
        }

        var text = new StringBuilder();
        while (_position < _json.Length)
        {
            var character = _json[_position++];
            switch (character)
            {
                case '"':
                    return text.ToString();
                case '\\':
                    if (!ReadEscape(text))
                    {
                        return null;
                    }

                    break;
                case < ' ':
                    _position--;
                    Fail("control character in a string");
                    return null;
                default:
                    text.Append(character);
                    break;
            }
        }

        Fail("unterminated string");
        return null;
    }

    private bool ReadEscape(StringBuilder text)
    {
        if (_position < _json.Length)
        {
            switch (_json[_position++])
            {
                case '"':
                    text.Append('"');
                    return true;
                case '\\':
                    text.Append('\\');
                    return true;
                case '/':
                    text.Append('/');
                    return true;
                case 'b':
                    text.Append('\b');
                    return true;
                case 'f':
                    text.Append('\f');
                    return true;
                case 'n':
                    text.Append('\n');
                    return true;
                case 'r':
                    text.Append('\r');
                    return true;
                case 't':
                    text.Append('\t');
                    return true;
                case 'u' when _position + 4 <= _json.Length
                    && ushort.TryParse(_json.Slice(_position, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit):
                    text.Append((char)unit);
                    _position += 4;
                    return true;
            }
        }

        Fail("invalid escape");
        return false;
    }
}

/// <summary>The JSON parser of a model's reference implementation.</summary>
internal enum JsonDialect : byte
{
    /// <summary>Python's json.loads: NaN, Infinity and -Infinity are numbers, and a double that overflows becomes Infinity.</summary>
    Python,

    /// <summary>JSON by its standard (RFC 8259); a double that overflows is refused.</summary>
    Strict,
}

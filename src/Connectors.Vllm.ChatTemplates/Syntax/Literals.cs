using System.Globalization;
using System.Text;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Syntax;

/// <summary>Python's unicode-escape decoding of string literals: unknown escapes are kept.</summary>
internal static class StringEscapes
{
    public static string Decode(ReadOnlySpan<char> body, int position)
    {
        var text = new StringBuilder(body.Length);
        for (var i = 0; i < body.Length; i++)
        {
            if (body[i] != '\\' || i + 1 >= body.Length)
            {
                text.Append(body[i]);
                continue;
            }

            var escape = body[++i];
            switch (escape)
            {
                case '\n':
                    break;
                case '\\' or '\'' or '"':
                    text.Append(escape);
                    break;
                case 'a' or 'b' or 'f' or 'n' or 'r' or 't' or 'v':
                    text.Append("\a\b\f\n\r\t\v"["abfnrtv".IndexOf(escape, StringComparison.Ordinal)]);
                    break;
                case >= '0' and <= '7':
                    var octal = 0;
                    var last = Math.Min(i + 3, body.Length);
                    for (; i < last && body[i] is >= '0' and <= '7'; i++)
                    {
                        octal = (octal * 8) + body[i] - '0';
                    }

                    i--;
                    text.Append((char)octal);
                    break;
                case 'x' or 'u' or 'U':
                    var length = escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
                    AppendCode(text, body, i + 1, length, position);
                    i += length;
                    break;
                case 'N':
                    throw new TemplateSyntaxException("character names (\\N{…}) are not supported in strings", position + i);
                default:
                    AppendUnknown(text, body, ref i);
                    break;
            }
        }

        return text.ToString();
    }

    private static void AppendCode(StringBuilder text, ReadOnlySpan<char> body, int at, int length, int position)
    {
        if (at + length > body.Length
            || !uint.TryParse(body.Slice(at, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            || code > 0x10FFFF)
        {
            throw new TemplateSyntaxException("truncated or illegal \\x, \\u or \\U escape in a string", position + at);
        }

        if (Rune.IsValid(code))
        {
            text.Append(new Rune(code).ToString());
        }
        else
        {
            text.Append((char)code);
        }
    }

    // The reference escapes non-ASCII characters before it decodes, so a backslash in front of one swallows that escape.
    private static void AppendUnknown(StringBuilder text, ReadOnlySpan<char> body, ref int i)
    {
        var unit = body[i];
        text.Append('\\');
        if (unit < 0x80)
        {
            text.Append(unit);
        }
        else if (unit < 0x100)
        {
            text.Append(CultureInfo.InvariantCulture, $"x{(int)unit:x2}");
        }
        else if (Characters.UnitsAt(body, i) == 2)
        {
            text.Append(CultureInfo.InvariantCulture, $"U{Characters.RuneAt(body, i).Value:x8}");
            i++;
        }
        else
        {
            text.Append(CultureInfo.InvariantCulture, $"u{(int)unit:x4}");
        }
    }
}

/// <summary>The numbers of a template: decimal, 0b, 0o, 0x, floats; underscores between digits.</summary>
internal static class NumberLexer
{
    /// <summary>Length and kind of the number at an offset that holds a digit.</summary>
    public static (int Length, bool IsFloat) Measure(string source, int start)
    {
        var whole = Digits(source, start, char.IsAsciiDigit);
        if (start == 0 || source[start - 1] != '.')
        {
            var end = whole;
            var fraction = end < source.Length && source[end] == '.' && end + 1 < source.Length && char.IsAsciiDigit(source[end + 1])
                ? Digits(source, end + 1, char.IsAsciiDigit)
                : end;
            var exponent = fraction < source.Length && source[fraction] is 'e' or 'E' ? fraction + 1 : -1;
            exponent += exponent > 0 && exponent < source.Length && source[exponent] is '+' or '-' ? 1 : 0;
            if (exponent > 0 && exponent < source.Length && char.IsAsciiDigit(source[exponent]))
            {
                return (Digits(source, exponent, char.IsAsciiDigit) - start, true);
            }

            if (fraction > end)
            {
                return (fraction - start, true);
            }
        }

        if (source[start] != '0')
        {
            return (whole - start, false);
        }

        var radix = start + 1 < source.Length ? char.ToLowerInvariant(source[start + 1]) : '\0';
        Func<char, bool>? isDigit = radix switch
        {
            'b' => unit => unit is '0' or '1',
            'o' => unit => unit is >= '0' and <= '7',
            'x' => char.IsAsciiHexDigit,
            _ => null,
        };
        if (isDigit is not null)
        {
            var first = start + 2 < source.Length && source[start + 2] == '_' ? start + 3 : start + 2;
            if (first < source.Length && isDigit(source[first]))
            {
                return (Digits(source, first, isDigit) - start, false);
            }
        }

        // A number with a leading zero consists of zeros only: 0, 00, 0_0.
        return (Digits(source, start, unit => unit == '0') - start, false);
    }

    private static int Digits(string source, int at, Func<char, bool> isDigit)
    {
        while (at < source.Length && (isDigit(source[at]) || (source[at] == '_' && at + 1 < source.Length && isDigit(source[at + 1]))))
        {
            at++;
        }

        return at;
    }
}

/// <summary>Python identifiers.</summary>
internal static class Identifier
{
    public static bool IsStart(char unit) => char.IsAsciiLetter(unit) || unit == '_'
        || (unit >= 0x80 && char.GetUnicodeCategory(unit) is (UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter
            or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber));

    public static bool IsPart(char unit) => IsStart(unit) || char.IsAsciiDigit(unit)
        || (unit >= 0x80 && char.GetUnicodeCategory(unit) is (UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation));

    public static bool IsValid(string text)
    {
        if (text.Length == 0 || !IsStart(text[0]))
        {
            return false;
        }

        foreach (var unit in text)
        {
            if (!IsPart(unit))
            {
                return false;
            }
        }

        return true;
    }
}

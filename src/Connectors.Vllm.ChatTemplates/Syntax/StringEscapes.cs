using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>Python's unicode-escape decoding of string literals: unknown escapes stay as they are.</summary>
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
        if (at + length > body.Length || !uint.TryParse(body.Slice(at, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) || code > 0x10FFFF)
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

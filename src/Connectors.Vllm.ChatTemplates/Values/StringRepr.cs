using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>Python's <c>repr</c> of a string: single quotes unless the text has one and no double quote; unprintable code points escaped.</summary>
internal static class StringRepr
{
    public static void Write(RenderContext context, Str text, bool asciiOnly = false)
    {
        var output = context.Output;
        var quote = text.Text.Contains('\'') && !text.Text.Contains('"') ? '"' : '\'';
        output.Append(quote);
        var source = text.Text;
        var plain = 0;
        var at = 0;
        while (at < source.Length)
        {
            var unit = source[at];
            if (unit is >= ' ' and < '\u007f' && unit != quote && unit != '\\')
            {
                at++;
                continue;
            }

            var units = Characters.UnitsAt(source, at);
            if (unit >= '\u0080' && !asciiOnly && Characters.IsPrintable(Characters.RuneAt(source, at)) && (units == 2 || !char.IsSurrogate(unit)))
            {
                at += units;
                continue;
            }

            context.Spend(1);
            output.Append(text, plain, at - plain);
            output.Append(Escape(source, at, units, quote), Marks.Contains(text.Marks, at));
            at += units;
            plain = at;
        }

        output.Append(text, plain, source.Length - plain);
        output.Append(quote);
    }

    private static string Escape(string source, int at, int units, char quote)
    {
        var unit = source[at];
        if (unit == quote || unit == '\\')
        {
            return "\\" + unit;
        }

        return unit switch
        {
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            < '\u0100' => string.Create(CultureInfo.InvariantCulture, $"\\x{(int)unit:x2}"),
            _ when units == 2 => string.Create(CultureInfo.InvariantCulture, $"\\U{new Rune(unit, source[at + 1]).Value:x8}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}"),
        };
    }
}

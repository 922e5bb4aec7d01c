using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Python's <c>str()</c> and <c>repr()</c>.</summary>
internal static class PyPrint
{
    /// <summary>Writes <c>str(value)</c>, marks included.</summary>
    public static void Write(RenderContext context, Value value, TextBuilder output)
    {
        if (value.TryGetStr(out var text))
        {
            context.SpendCopy(text.Length);
            output.Append(text);
            return;
        }

        if (value.IsInt)
        {
            WriteInteger(value.Number, output);
            return;
        }

        if (!value.IsUndefined)
        {
            WriteRepr(context, value, output);
        }
    }

    /// <summary><c>str(value)</c>; a Markup stays one (jinja2's soft_str).</summary>
    public static Str ToSoftStr(RenderContext context, Value value)
    {
        if (value.TryGetStr(out var text))
        {
            return text;
        }

        if (value.IsUndefined)
        {
            return "";
        }

        var start = context.Output.Length;
        WriteRepr(context, value, context.Output);
        return context.Output.Cut(start);
    }

    /// <summary><c>str(value)</c>; never Markup.</summary>
    public static Str ToStr(RenderContext context, Value value) => ToSoftStr(context, value).AsMarkup(false);

    public static void WriteRepr(RenderContext context, Value value, TextBuilder output)
    {
        context.Spend(1);
        switch (value.Kind)
        {
            case ValueKind.None:
                output.Append("None");
                break;
            case ValueKind.Bool:
                output.Append(value.Boolean ? "True" : "False");
                break;
            case ValueKind.Int:
                WriteInteger(value.Number, output);
                break;
            case ValueKind.BigInt:
                var big = ((BigInt)value.Object!).Number;
                PyArithmetic.SpendBits(context, big.GetBitLength(), big.GetBitLength());
                output.Append(PyNumber.ToText(big));
                break;
            case ValueKind.Float:
                output.Append(PyNumber.Repr(value.Double));
                break;
            case ValueKind.String:
                var text = value.Str;
                context.Spend(text.Length >> 3);
                if (text.IsMarkup)
                {
                    output.Append("Markup(");
                }

                StringRepr.Write(context, text);
                if (text.IsMarkup)
                {
                    output.Append(')');
                }

                break;
            case ValueKind.List:
            case ValueKind.Tuple:
                RuntimeHelpers.EnsureSufficientExecutionStack();
                var sequence = (PySequence)value.Object!;
                WriteItems(context, sequence.Items, output, sequence.IsTuple ? '(' : '[', sequence.IsTuple ? ')' : ']', sequence.IsTuple);
                break;
            case ValueKind.Dict:
                RuntimeHelpers.EnsureSufficientExecutionStack();
                WriteDict(context, (PyDict)value.Object!, output);
                break;
            default:
                value.Object?.WriteRepr(context, output);
                break;
        }
    }

    public static void WriteItems(RenderContext context, ReadOnlySpan<Value> items, TextBuilder output, char open, char close, bool isTuple)
    {
        output.Append(open);
        for (var i = 0; i < items.Length; i++)
        {
            if (i > 0)
            {
                output.Append(", ");
            }

            WriteRepr(context, items[i], output);
        }

        if (isTuple && items.Length == 1)
        {
            output.Append(',');
        }

        output.Append(close);
    }

    private static void WriteDict(RenderContext context, PyDict dict, TextBuilder output)
    {
        output.Append('{');
        var keys = dict.Keys;
        var values = dict.Values;
        for (var i = 0; i < keys.Length; i++)
        {
            if (i > 0)
            {
                output.Append(", ");
            }

            WriteRepr(context, keys[i], output);
            output.Append(": ");
            WriteRepr(context, values[i], output);
        }

        output.Append('}');
    }

    private static void WriteInteger(long number, TextBuilder output)
    {
        Span<char> digits = stackalloc char[20];
        number.TryFormat(digits, out var written, default, CultureInfo.InvariantCulture);
        output.Append(digits[..written]);
    }
}

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

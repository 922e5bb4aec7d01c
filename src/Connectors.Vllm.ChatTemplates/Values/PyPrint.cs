using System.Globalization;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates;

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

using System.Globalization;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>The operator <c>text % values</c>.</summary>
internal static class PercentFormat
{
    public static Value Format(RenderContext context, Str format, Value values)
    {
        var arguments = values.Object is PySequence { IsTuple: true } tuple ? tuple.Items : [values];
        var mapping = values.Object as PyDict;
        var pieces = new List<Str>();
        var source = format.Text;
        var (at, used) = (0, 0);
        context.SpendText(source.Length);
        while (at < source.Length)
        {
            var next = source.IndexOf('%', at);
            if (next < 0)
            {
                pieces.Add(format.Slice(at, source.Length - at));
                break;
            }

            pieces.Add(format.Slice(at, next - at));
            at = next + 1;
            pieces.Add(Item());
        }

        // What has items (a mapping, a list, also something undefined) may be left over; a tuple or a scalar may not.
        if (used < arguments.Length && mapping is null && values.Kind is not (ValueKind.List or ValueKind.Undefined) && !(values.Object is RangeObject))
        {
            throw new PyException("not all arguments converted during string formatting");
        }

        var output = context.Output;
        var start = output.Length;
        foreach (var piece in pieces)
        {
            output.Append(piece);
        }

        return Value.Of(output.Cut(start, format.IsMarkup));

        Str Item()
        {
            Value? keyed = null;
            if (at < source.Length && source[at] == '(')
            {
                var close = source.IndexOf(')', at);
                if (mapping is null || close < 0)
                {
                    throw new PyException("format requires a mapping");
                }

                var key = source[(at + 1)..close];
                keyed = mapping.TryGet(key, out var found) ? found : throw new PyException($"KeyError: '{key}'");
                at = close + 1;
            }

            var (left, zero, sign, alternate) = (false, false, '-', false);
            for (; at < source.Length && source[at] is '-' or '0' or '+' or ' ' or '#'; at++)
            {
                left |= source[at] == '-';
                zero |= source[at] == '0';
                alternate |= source[at] == '#';
                sign = source[at] == '+' ? '+' : source[at] == ' ' && sign != '+' ? ' ' : sign;
            }

            var width = Number(out var widthIsArgument);
            left |= widthIsArgument && width < 0;
            var precision = -1;
            if (at < source.Length && source[at] == '.')
            {
                at++;
                precision = Math.Max(0, Number(out _));
            }

            while (at < source.Length && source[at] is 'l' or 'h' or 'L')
            {
                at++;
            }

            if (at >= source.Length)
            {
                throw new PyException("incomplete format");
            }

            var type = source[at++];
            if (type == '%')
            {
                return "%";
            }

            var value = keyed ?? Take();
            return Convert(context, value, type, format.IsMarkup, new FormatSpec
            {
                Fill = zero && !left && type is not ('s' or 'r' or 'a' or 'c') ? "0" : " ",
                Align = left ? '<' : zero && type is not ('s' or 'r' or 'a' or 'c') ? '=' : '>',
                Sign = type is 's' or 'r' or 'a' or 'c' ? '-' : sign,
                Alternate = alternate && type is not ('s' or 'r' or 'a' or 'c'),
                Width = Math.Abs(width),
                Precision = precision,
                IsPercent = true,
                Type = type switch { 'i' or 'u' or 'd' => 'd', 's' or 'r' or 'a' => 's', _ => type },
            });
        }

        int Number(out bool isArgument)
        {
            isArgument = at < source.Length && source[at] == '*';
            if (isArgument)
            {
                at++;
                return Take() is { IsInt: true } given ? (int)Math.Clamp(given.Number, -100_000_000, 100_000_000) : throw new PyException("* wants int");
            }

            var start = at;
            while (at < source.Length && char.IsAsciiDigit(source[at]))
            {
                at++;
            }

            return at == start ? 0
                : at - start <= 8 ? int.Parse(source.AsSpan(start, at - start), CultureInfo.InvariantCulture)
                : throw new PyException("width too big");
        }

        Value Take() => used < arguments.Length ? arguments[used++] : throw new PyException("not enough arguments for format string");
    }

    private static Str Convert(RenderContext context, Value value, char type, bool escape, FormatSpec spec)
    {
        switch (type)
        {
            case 's':
                var text = PyPrint.ToSoftStr(context, value);
                return spec.FormatText(context, escape ? HtmlEscape.Escape(context, text) : text);
            case 'r' or 'a':
                var start = context.Output.Length;
                if (type == 'a' && value.TryGetStr(out var ascii))
                {
                    StringRepr.Write(context, ascii, asciiOnly: true);
                }
                else
                {
                    PyPrint.WriteRepr(context, value, context.Output);
                }

                var repr = context.Output.Cut(start);
                return spec.FormatText(context, escape ? HtmlEscape.Escape(context, repr) : repr);
            case 'c' when value.TryGetStr(out var character):
                return Characters.Count(character.Text) == 1 ? new FormatSpec { Width = spec.Width, Align = spec.Align }.FormatText(context, character) : throw new PyException("%c requires int or char");
            case 'd' or 'i' or 'u' when PyCompare.IsNumber(value.Kind):
                return spec.FormatInteger(context, value.IsFloat ? PyNumber.ToBigInteger(PyNumber.FromDouble(value.Double)) : PyNumber.ToBigInteger(value));
            case 'x' or 'X' or 'o' or 'c' when PyCompare.IsNumber(value.Kind) && !value.IsFloat:
                return spec.FormatInteger(context, PyNumber.ToBigInteger(value));
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G' when PyCompare.IsNumber(value.Kind):
                return spec.FormatFloat(context, PyNumber.ToDouble(value));
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o' or 'c' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                PyOps.ThrowIfUndefined(value);
                throw new PyException($"%{type} format: a number is required, not {PyOps.TypeName(value)}");
            default:
                throw new PyException($"unsupported format character '{type}'");
        }
    }
}

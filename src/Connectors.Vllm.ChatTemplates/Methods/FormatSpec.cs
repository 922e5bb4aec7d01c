using System.Globalization;
using System.Numerics;
using System.Text;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary>A format specification of Python's <c>str.format</c> and <c>%</c> operator, applied to numbers and strings.</summary>
internal sealed class FormatSpec
{
    private const int MaxPrecision = 400;

    /// <summary>The fill character, with its mark if the specification came from message content.</summary>
    public Str Fill { get; init; } = " ";

    public char Align { get; init; }

    public char Sign { get; init; } = '-';

    public bool Alternate { get; init; }

    public int Width { get; init; }

    public char Grouping { get; init; }

    public int Precision { get; init; } = -1;

    public char Type { get; init; }

    public static FormatSpec Parse(Str text)
    {
        var spec = text.Text;
        var at = 0;
        var (fill, align, zero) = ((Str)" ", '\0', false);
        var fillUnits = spec.Length > 0 ? Characters.UnitsAt(spec, 0) : 0;
        if (fillUnits < spec.Length && spec[fillUnits] is '<' or '>' or '^' or '=')
        {
            (fill, align, at) = (text.Slice(0, fillUnits), spec[fillUnits], fillUnits + 1);
        }
        else if (spec.Length > 0 && spec[0] is '<' or '>' or '^' or '=')
        {
            (align, at) = (spec[0], 1);
        }

        var sign = at < spec.Length && spec[at] is '+' or '-' or ' ' ? spec[at++] : '-';
        at += at < spec.Length && spec[at] == 'z' ? 1 : 0;
        var alternate = at < spec.Length && spec[at] == '#';
        at += alternate ? 1 : 0;
        if (at < spec.Length && spec[at] == '0')
        {
            zero = true;
            at++;
        }

        var width = Digits(spec, ref at) ?? 0;
        var grouping = at < spec.Length && spec[at] is ',' or '_' ? spec[at++] : '\0';
        var precision = -1;
        if (at < spec.Length && spec[at] == '.')
        {
            at++;
            precision = Digits(spec, ref at) ?? throw new PyException("Format specifier missing precision");
        }

        var type = at < spec.Length ? spec[at++] : '\0';
        if (at < spec.Length)
        {
            throw new PyException($"Invalid format specifier '{spec}'");
        }

        return new FormatSpec
        {
            Fill = zero && align == '\0' ? "0" : fill,
            Align = zero && align == '\0' ? '=' : align,
            Sign = sign,
            Alternate = alternate,
            Width = width,
            Grouping = grouping,
            Precision = precision,
            Type = type,
        };
    }

    /// <summary>Formats a value as <c>format(value, spec)</c> does.</summary>
    public Str Format(RenderContext context, Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.String:
                return FormatText(context, value.Str);
            case ValueKind.Bool when Type == '\0':
                return FormatText(context, value.Boolean ? "True" : "False");
            case ValueKind.Bool or ValueKind.Int or ValueKind.BigInt:
                return Type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%'
                    ? FormatFloat(context, PyNumber.ToDouble(value))
                    : FormatInteger(context, PyNumber.ToBigInteger(value));
            case ValueKind.Float:
                return FormatFloat(context, value.Double);
            default:
                PyOps.ThrowIfUndefined(value);
                throw new PyException($"unsupported format string passed to {PyOps.TypeName(value)}.__format__");
        }
    }

    public Str FormatInteger(RenderContext context, BigInteger number)
    {
        if (Precision > MaxPrecision)
        {
            throw new PyException("precision too big");
        }

        var magnitude = BigInteger.Abs(number);
        if (magnitude.GetBitLength() > 64)
        {
            PyArithmetic.SpendBits(context, magnitude.GetBitLength(), magnitude.GetBitLength());
        }

        var (digits, prefix, group) = Type switch
        {
            '\0' or 'd' or 'n' => (PyNumber.ToText(magnitude), "", 3),
            'x' => (Radix(magnitude, 4), "0x", 4),
            'X' => (Radix(magnitude, 4).ToUpperInvariant(), "0X", 4),
            'o' => (Radix(magnitude, 3), "0o", 4),
            'b' => (Radix(magnitude, 1), "0b", 4),
            'c' => (CharacterOf(number), "", 0),
            _ => throw new PyException($"Unknown format code '{Type}' for object of type 'int'"),
        };
        if (Precision >= 0 && Type != 'c' && !IsPercent)
        {
            throw new PyException("Precision not allowed in integer format specifier");
        }

        if (IsPercent && Precision > 0)
        {
            digits = digits.PadLeft(Precision, '0');
        }

        return Finish(context, SignOf(number.Sign < 0) + (Alternate ? prefix : ""), Group(digits, group), "", '>');
    }

    /// <summary>Whether the specification belongs to the <c>%</c> operator, whose integers may have a precision.</summary>
    public bool IsPercent { get; init; }

    public Str FormatFloat(RenderContext context, double number)
    {
        if (Precision > MaxPrecision)
        {
            throw new PyException("precision too big");
        }

        context.Spend(Precision > 20 || Math.Abs(number) > 1e20 ? 200 : 1);
        var negative = double.IsNegative(number) && !double.IsNaN(number);
        var magnitude = Math.Abs(number);
        var lower = char.ToLowerInvariant(Type);
        string body;
        if (!double.IsFinite(number))
        {
            body = double.IsNaN(number) ? "nan" : "inf";
        }
        else
        {
            body = lower switch
            {
                'f' => PyNumber.FormatFixed(magnitude, Precision < 0 ? 6 : Precision),
                'e' => Exponent(magnitude, Precision < 0 ? 6 : Precision, trim: false),
                'g' or 'n' => General(magnitude, Precision < 0 ? 6 : Math.Max(Precision, 1), keepPoint: false),
                '%' => PyNumber.FormatFixed(magnitude * 100, Precision < 0 ? 6 : Precision),
                '\0' => Precision < 0 ? PyNumber.Repr(magnitude) : General(magnitude, Math.Max(Precision, 1), keepPoint: true),
                _ => throw new PyException($"Unknown format code '{Type}' for object of type 'float'"),
            };
        }

        if (char.IsAsciiLetterUpper(Type))
        {
            body = body.ToUpperInvariant();
        }

        var point = body.AsSpan().IndexOfAny('.', 'e', 'E');
        var whole = point < 0 || !double.IsFinite(number) ? body : body[..point];
        return Finish(context, SignOf(negative), Group(whole, 3), body[whole.Length..] + (Type == '%' ? "%" : ""), '>');
    }

    public Str FormatText(RenderContext context, Str text)
    {
        if (Type is not ('\0' or 's') || Align == '=' || Sign != '-' || Alternate)
        {
            throw new PyException(Type is '\0' or 's'
                ? "format specifier not allowed for a str"
                : $"Unknown format code '{Type}' for object of type 'str'");
        }

        if (Precision >= 0 && Precision < text.Length)
        {
            text = text.Slice(0, Characters.OffsetOf(text.Text, Precision));
        }

        return TextShape.Pad(context, text, Width, Fill, Align switch { '>' => 1, '^' => 0, _ => -1 });
    }

    private static int? Digits(string spec, ref int at)
    {
        var start = at;
        while (at < spec.Length && char.IsAsciiDigit(spec[at]))
        {
            at++;
        }

        return at == start ? null
            : at - start <= 8 ? int.Parse(spec.AsSpan(start, at - start), CultureInfo.InvariantCulture)
            : throw new PyException("Too many decimal digits in format string");
    }

    private static string CharacterOf(BigInteger code) =>
        code.Sign >= 0 && code <= 0x10FFFF && Rune.IsValid((int)code)
            ? new Rune((int)code).ToString()
            : throw new PyException("%c arg not in range(0x110000)");

    private static string Radix(BigInteger number, int bits)
    {
        if (number.IsZero)
        {
            return "0";
        }

        // A leading zero keeps the sign of a positive number.
        var digits = number.ToString(bits == 4 ? "x" : "b", CultureInfo.InvariantCulture).TrimStart('0');
        return bits == 3
            ? string.Concat(digits.PadLeft((digits.Length + 2) / 3 * 3, '0').Chunk(3)
                .Select(three => (char)(three[0] * 4 + three[1] * 2 + three[2] - '0' * 6)))
            : digits;
    }

    private static string Exponent(double number, int precision, bool trim)
    {
        var text = number.ToString("E" + precision.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        var e = text.IndexOf('E', StringComparison.Ordinal);
        var mantissa = text[..e];
        if (trim && mantissa.Contains('.'))
        {
            mantissa = mantissa.TrimEnd('0').TrimEnd('.');
        }

        var exponent = int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture, $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
    }

    private string General(double number, int precision, bool keepPoint)
    {
        var scientific = Exponent(number, precision - 1, trim: false);
        var exponent = number == 0
            ? 0
            : int.Parse(scientific.AsSpan(scientific.IndexOf('e', StringComparison.Ordinal) + 1), NumberStyles.AllowLeadingSign,
                CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= (keepPoint ? precision - 1 : precision))
        {
            return Alternate ? scientific : Exponent(number, precision - 1, trim: true);
        }

        var text = PyNumber.FormatFixed(number, Math.Max(0, precision - 1 - exponent));
        if (!Alternate && text.Contains('.'))
        {
            text = text.TrimEnd('0').TrimEnd('.');
        }

        return keepPoint && !text.Contains('.') ? text + ".0" : text;
    }

    private string SignOf(bool negative) => negative ? "-" : Sign is '+' or ' ' ? Sign.ToString() : "";

    private string Group(string digits, int size)
    {
        if (Grouping == '\0' || size == 0)
        {
            return digits;
        }

        var grouped = new StringBuilder(digits);
        for (var at = digits.Length - size; at > 0; at -= size)
        {
            grouped.Insert(at, Grouping);
        }

        return grouped.ToString();
    }

    private Str Finish(RenderContext context, string sign, string digits, string tail, char defaultAlign)
    {
        var align = Align == '\0' ? defaultAlign : Align;
        if (align == '=')
        {
            var filled = TextShape.Pad(context, digits + tail, Width - sign.Length, Fill, side: 1);
            return sign.Length == 0 ? filled : PyStrings.Concat(context, sign, filled);
        }

        return TextShape.Pad(context, sign + digits + tail, Width, Fill, align switch { '<' => -1, '^' => 0, _ => 1 });
    }
}

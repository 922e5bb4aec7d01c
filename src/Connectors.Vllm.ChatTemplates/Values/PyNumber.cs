using System.Globalization;
using System.Numerics;
using Connectors.Vllm.Shared;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Python's numbers: unbounded integers, floats formatted by repr, and conversions between text and numbers.</summary>
internal static class PyNumber
{
    /// <summary>Python 3.11's limit on the digits of an integer converted from or to decimal text.</summary>
    private const int MaxDigits = 4300;

    public static BigInteger ToBigInteger(Value value) =>
        value.Kind == ValueKind.BigInt ? ((BigInt)value.Object!).Number : value.Number;

    public static double ToDouble(Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.Float:
                return value.Double;
            case ValueKind.BigInt:
                return ToDouble(((BigInt)value.Object!).Number);
            default:
                return value.Number;
        }
    }

    /// <summary>Converts to the nearest float; the conversion of .NET truncates.</summary>
    public static double ToDouble(BigInteger number)
    {
        var nearest = number.GetBitLength() > 1100
            ? double.PositiveInfinity
            : double.Parse(number.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return double.IsInfinity(nearest) ? throw new PyException("int too large to convert to float") : nearest;
    }

    /// <summary>Gets the float nearest to the quotient of two integers of any size.</summary>
    public static Value Divide(BigInteger dividend, BigInteger divisor)
    {
        if (divisor.IsZero)
        {
            throw new PyException("division by zero");
        }

        // A quotient of at least 66 bits, whose lowest bit is set if it is inexact, rounds like the exact one.
        var shift = (int)Math.Max(0, 66 - dividend.GetBitLength() + divisor.GetBitLength());
        var quotient = BigInteger.DivRem(BigInteger.Abs(dividend) << shift, BigInteger.Abs(divisor), out var remainder);
        quotient |= remainder.IsZero ? 0 : 1;
        return Value.Of(Math.ScaleB(ToDouble(dividend.Sign * divisor.Sign * quotient), -shift));
    }

    public static Value FromDouble(double number) =>
        double.IsNaN(number) ? throw new PyException("cannot convert float NaN to integer")
        : double.IsInfinity(number) ? throw new PyException("cannot convert float infinity to integer")
        : Math.Abs(number) < 9e18 ? Value.Of((long)number)
        : Value.Of(new BigInteger(number));

    /// <summary>Converts an index or count to an integer clamped to 32 bits; raises TypeError for anything else.</summary>
    public static int ToIndex(Value value, string what = "slice indices")
    {
        switch (value.Kind)
        {
            case ValueKind.Int:
            case ValueKind.Bool:
                return (int)Math.Clamp(value.Number, -int.MaxValue, int.MaxValue);
            case ValueKind.BigInt:
                return ((BigInt)value.Object!).Number.Sign * int.MaxValue;
            default:
                PyOps.ThrowIfUndefined(value);
                throw new PyException($"{what} must be integers, not '{PyOps.TypeName(value)}'");
        }
    }

    public static string ToText(BigInteger number)
    {
        // 0.302 is just above log10(2).
        return number.GetBitLength() * 0.302 > MaxDigits && number.ToString(CultureInfo.InvariantCulture).TrimStart('-').Length > MaxDigits
            ? throw new PyException($"Exceeds the limit ({MaxDigits} digits) for integer string conversion")
            : number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Formats a float like <c>repr</c>: the shortest digits, with an exponent below 1e-4 and from 1e16.</summary>
    public static string Repr(double number) => FloatText.Python(number);

    /// <summary>Parses a JSON or literal number: without a point and an exponent it is an integer of any size, otherwise a float.</summary>
    public static Value Parse(ReadOnlySpan<char> lexeme)
    {
        if (lexeme.IndexOfAny('.', 'e', 'E') >= 0 || lexeme.IndexOfAnyInRange('I', 'N') >= 0)
        {
            return Value.Of(double.Parse(lexeme, NumberStyles.Float, CultureInfo.InvariantCulture));
        }

        if (long.TryParse(lexeme, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var small))
        {
            return Value.Of(small);
        }

        return lexeme.Length > MaxDigits + 1
            ? throw new PyException($"Exceeds the limit ({MaxDigits} digits) for integer string conversion")
            : Value.Of(BigInteger.Parse(lexeme, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture));
    }

    /// <summary>Python's <c>int(text, base)</c>; false for a text that is no such number.</summary>
    public static bool TryParseInteger(string text, int radix, out Value value)
    {
        value = default;
        var digits = Characters.Strip(text);
        var isNegative = digits.StartsWith('-');
        digits = isNegative || digits.StartsWith('+') ? digits[1..] : digits;
        if (!TryTakePrefix(ref digits, ref radix) || !AreDigits(digits, radix))
        {
            return false;
        }

        if (radix == 10 && digits.Length > MaxDigits)
        {
            throw new PyException($"Exceeds the limit ({MaxDigits} digits) for integer string conversion");
        }

        if (digits.Length > BigInt.MaxBits)
        {
            throw new PyException($"an integer of more than {BigInt.MaxBits} bits is not allowed");
        }

        var magnitude = FromDigits(digits, radix);
        value = Value.Of(isNegative ? -magnitude : magnitude);
        return true;
    }

    /// <summary>Removes <c>0x</c>, <c>0o</c> or <c>0b</c> if the base allows it, and determines base 0.</summary>
    private static bool TryTakePrefix(ref string digits, ref int radix)
    {
        var prefix = digits.Length > 1 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) : '\0';
        var prefixRadix = prefix switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 };
        if (prefixRadix != 0 && (radix == 0 || radix == prefixRadix))
        {
            radix = prefixRadix;
            digits = digits.AsSpan(2).StartsWith("_") ? digits[3..] : digits[2..];
            return true;
        }

        if (radix != 0)
        {
            return radix is >= 2 and <= 36;
        }

        // In base 0 a decimal number must not begin with a zero, unless it is zero.
        radix = 10;
        return !digits.StartsWith('0') || digits.AsSpan().Trim("0_").IsEmpty;
    }

    /// <summary>Whether a text consists of digits of a base, with single underscores between them.</summary>
    private static bool AreDigits(string digits, int radix)
    {
        var isSeparated = true;
        foreach (var unit in digits)
        {
            if (unit == '_' ? isSeparated : Characters.DigitValue(unit) is var digit && (digit < 0 || digit >= radix))
            {
                return false;
            }

            isSeparated = unit == '_';
        }

        return !isSeparated;
    }

    private static BigInteger FromDigits(string digits, int radix)
    {
        // Processes as many digits as fit into 64 bits at once, because multiplying the big number is expensive.
        var number = BigInteger.Zero;
        var (chunk, scale) = (0UL, 1UL);
        foreach (var unit in digits)
        {
            if (unit == '_')
            {
                continue;
            }

            chunk = (chunk * (uint)radix) + (uint)Characters.DigitValue(unit);
            scale *= (uint)radix;
            if (scale > 1UL << 52)
            {
                number = (number * scale) + chunk;
                (chunk, scale) = (0, 1);
            }
        }

        return (number * scale) + chunk;
    }

    /// <summary>Python's <c>float(text)</c>; false for a text that is not a number.</summary>
    public static bool TryParseFloat(string text, out double number)
    {
        var trimmed = Characters.Strip(text).ToLowerInvariant();
        var unsigned = trimmed.StartsWith('-') || trimmed.StartsWith('+') ? trimmed[1..] : trimmed;
        var sign = trimmed.StartsWith('-') ? -1 : 1;
        switch (unsigned)
        {
            case "inf" or "infinity":
                number = sign * double.PositiveInfinity;
                return true;
            case "nan":
                number = double.NaN;
                return true;
        }

        number = 0;
        for (var i = 0; i < unsigned.Length; i++)
        {
            if (unsigned[i] == '_' && !(i > 0 && char.IsAsciiDigit(unsigned[i - 1]) && i + 1 < unsigned.Length && char.IsAsciiDigit(unsigned[i + 1])))
            {
                return false;
            }
        }

        return unsigned.Length > 0 && (char.IsAsciiDigit(unsigned[0]) || unsigned[0] == '.')
            && double.TryParse(trimmed.Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>Rounds to decimal places, halves to even on the exact binary value, as Python's <c>round</c> and formatting do.</summary>
    public static double Round(double number, int places)
    {
        if (!double.IsFinite(number) || places > 323 || number == 0)
        {
            return number;
        }

        if (places < -309)
        {
            return number < 0 ? -0.0 : 0.0;
        }

        var text = FormatFixed(number, places);
        return double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Formats a float with the given number of decimal places (negative: rounded to tens, hundreds…), correctly rounded, halves to even.
    /// </summary>
    public static string FormatFixed(double number, int places)
    {
        var bits = BitConverter.DoubleToInt64Bits(number);
        var exponent = (int)((bits >> 52) & 0x7FF);
        var mantissa = new BigInteger((bits & 0xFFFFFFFFFFFFFL) | (exponent == 0 ? 0 : 1L << 52));
        exponent = Math.Max(exponent, 1) - 1075;
        var (numerator, denominator) = exponent >= 0 ? (mantissa << exponent, BigInteger.One) : (mantissa, BigInteger.One << -exponent);
        if (places >= 0)
        {
            numerator *= BigInteger.Pow(10, places);
        }
        else
        {
            denominator *= BigInteger.Pow(10, -places);
        }

        var quotient = BigInteger.DivRem(numerator, denominator, out var remainder);
        var half = (remainder * 2).CompareTo(denominator);
        if (half > 0 || (half == 0 && !quotient.IsEven))
        {
            quotient++;
        }

        var digits = quotient.ToString(CultureInfo.InvariantCulture);
        if (places > 0)
        {
            digits = digits.PadLeft(places + 1, '0');
            digits = digits.Insert(digits.Length - places, ".");
        }
        else if (places < 0 && !quotient.IsZero)
        {
            digits += new string('0', -places);
        }

        return double.IsNegative(number) ? "-" + digits : digits;
    }
}

/// <summary>An integer beyond 64 bits.</summary>
internal sealed class BigInt(BigInteger number) : PyObject
{
    /// <summary>The maximum number of bits of an integer: far more than any prompt needs, small enough for fast arithmetic.</summary>
    public const long MaxBits = 1 << 16;

    public BigInteger Number { get; } = number;

    public override ValueKind Kind => ValueKind.BigInt;

    public override string TypeName => "int";
}

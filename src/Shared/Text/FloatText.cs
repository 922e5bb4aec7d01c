using System.Globalization;

namespace Connectors.Vllm.Shared;

/// <summary>Formats doubles like the reference implementations: both use the shortest round-trippable digits, in layouts of their own.</summary>
internal static class FloatText
{
    /// <summary>Formats a value like Python's repr.</summary>
    public static string Python(double value) =>
        double.IsFinite(value) ? Format(value, FloatStyle.Python) : double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";

    /// <summary>Formats a value as a JSON number; NaN and the infinities like Python's json module.</summary>
    public static string Json(double value, FloatStyle style) =>
        double.IsFinite(value) ? Format(value, style) : double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    private static string Format(double value, FloatStyle style)
    {
        // .NET's shortest form has the right digits, only its layout differs.
        var shortest = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        var (digits, exponent) = Split(shortest);
        var sign = double.IsNegative(value) ? "-" : "";
        var smallest = style == FloatStyle.Python ? -4 : -5;
        if (exponent < smallest || exponent >= 16)
        {
            var mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
            var power = Math.Abs(exponent).ToString(style == FloatStyle.Python ? "00" : "0", CultureInfo.InvariantCulture);
            return $"{sign}{mantissa}e{(exponent < 0 ? '-' : '+')}{power}";
        }

        if (exponent < 0)
        {
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        }

        return exponent + 1 >= digits.Length
            ? $"{sign}{digits}{new string('0', exponent + 1 - digits.Length)}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    /// <summary>Splits text such as "12.5" or "1E+20" into its significant digits and the decimal exponent of the first one.</summary>
    private static (string Digits, int Exponent) Split(string text)
    {
        var power = 0;
        var mark = text.IndexOf('E', StringComparison.Ordinal);
        if (mark >= 0)
        {
            power = int.Parse(text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            text = text[..mark];
        }

        var point = text.IndexOf('.', StringComparison.Ordinal);
        var integerDigits = point < 0 ? text.Length : point;
        var all = point < 0 ? text : text.Remove(point, 1);
        var digits = all.TrimStart('0');
        var leadingZeros = all.Length - digits.Length;
        digits = digits.TrimEnd('0');
        return digits.Length == 0 ? ("0", 0) : (digits, integerDigits - leadingZeros - 1 + power);
    }
}

/// <summary>The layout of formatted numbers.</summary>
internal enum FloatStyle : byte
{
    /// <summary>Python: integers of any size; doubles by repr (<c>1e-07</c>, positional for 1e-4 ≤ |x| &lt; 1e16).</summary>
    Python,

    /// <summary>serde_json: integers of 64 bit, all others as doubles (<c>1e-7</c>, positional for 1e-5 ≤ |x| &lt; 1e16).</summary>
    Rust,
}

using System.Globalization;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Number literals to the text that Python or serde_json writes for them; both use the shortest digits that read back equal.</summary>
internal static class JsonNumber
{
    public static string Format(PromptValue number, JsonNumberStyle style)
    {
        var literal = number.Text;
        if (!number.IsInteger)
        {
            return literal is "NaN" or "Infinity" or "-Infinity" ? literal : Format(number.AsDouble(), style);
        }

        if (style == JsonNumberStyle.Python)
        {
            return literal == "-0" ? "0" : literal;
        }

        var fits = long.TryParse(literal, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            || ulong.TryParse(literal, NumberStyles.None, CultureInfo.InvariantCulture, out _);
        return fits && literal != "-0" ? literal : Format(number.AsDouble(), style);
    }

    public static string Format(double value, JsonNumberStyle style)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        }

        // .NET's shortest form has the right digits, only its layout differs.
        var shortest = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        var (digits, exponent) = Split(shortest);
        var sign = double.IsNegative(value) ? "-" : "";
        var smallest = style == JsonNumberStyle.Python ? -4 : -5;
        if (exponent < smallest || exponent >= 16)
        {
            var mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
            var power = Math.Abs(exponent).ToString(style == JsonNumberStyle.Python ? "00" : "0", CultureInfo.InvariantCulture);
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

    /// <summary>"12.5", "1E+20" and the like to their significant digits and the decimal exponent of the first one.</summary>
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

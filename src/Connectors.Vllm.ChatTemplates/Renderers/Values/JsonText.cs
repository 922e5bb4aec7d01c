using System.Globalization;
using System.Text;

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>Writes <see cref="PromptValue"/> as JSON text; only <c>"</c>, <c>\</c> and control characters below U+0020 are escaped.</summary>
internal static class JsonText
{
    public static string Of(PromptValue value, JsonStyle style)
    {
        var text = new StringBuilder();
        Append(text, value, style);
        return text.ToString();
    }

    public static void Append(StringBuilder text, PromptValue value, JsonStyle style)
    {
        switch (value.Kind)
        {
            case PromptValueKind.Null:
                text.Append("null");
                break;
            case PromptValueKind.False:
                text.Append("false");
                break;
            case PromptValueKind.True:
                text.Append("true");
                break;
            case PromptValueKind.Number:
                text.Append(JsonNumber.Format(value, style.Numbers));
                break;
            case PromptValueKind.String:
                AppendString(text, value.Text);
                break;
            case PromptValueKind.Array:
                AppendArray(text, value, style);
                break;
            default:
                AppendObject(text, value, style);
                break;
        }
    }

    public static void AppendString(StringBuilder text, string value)
    {
        text.Append('"');
        var rest = value.AsSpan();
        while (IndexOfEscaped(rest) is var next && next >= 0)
        {
            text.Append(rest[..next]);
            AppendEscape(text, rest[next]);
            rest = rest[(next + 1)..];
        }

        text.Append(rest).Append('"');
    }

    private static int IndexOfEscaped(ReadOnlySpan<char> text)
    {
        var control = text.IndexOfAnyInRange('\0', '\u001f');
        var quote = (control < 0 ? text : text[..control]).IndexOfAny('"', '\\');
        return quote >= 0 ? quote : control;
    }

    private static void AppendEscape(StringBuilder text, char character) => _ = character switch
    {
        '"' => text.Append("\\\""),
        '\\' => text.Append("\\\\"),
        '\n' => text.Append("\\n"),
        '\r' => text.Append("\\r"),
        '\t' => text.Append("\\t"),
        '\b' => text.Append("\\b"),
        '\f' => text.Append("\\f"),
        _ => text.Append("\\u").Append(((int)character).ToString("x4", CultureInfo.InvariantCulture)),
    };

    private static void AppendArray(StringBuilder text, PromptValue array, JsonStyle style)
    {
        text.Append('[');
        for (var i = 0; i < array.Items.Count; i++)
        {
            text.Append(i == 0 ? "" : style.ItemSeparator);
            Append(text, array.Items[i], style);
        }

        text.Append(']');
    }

    private static void AppendObject(StringBuilder text, PromptValue value, JsonStyle style)
    {
        var members = style.SortKeys
            ? value.Members.OrderBy(member => member.Key, CodePointComparer.Instance)
            : (IEnumerable<KeyValuePair<string, PromptValue>>)value.Members;
        text.Append('{');
        var separator = "";
        foreach (var (key, item) in members)
        {
            text.Append(separator);
            AppendString(text, key);
            text.Append(style.KeySeparator);
            Append(text, item, style);
            separator = style.ItemSeparator;
        }

        text.Append('}');
    }
}

/// <summary>Layout of JSON text inside a prompt.</summary>
/// <param name="ItemSeparator">Text between two items.</param>
/// <param name="KeySeparator">Text between a key and its value.</param>
/// <param name="SortKeys">Whether keys are sorted by code point; otherwise they keep their order.</param>
/// <param name="Numbers">Layout of numbers.</param>
internal sealed record JsonStyle(string ItemSeparator, string KeySeparator, bool SortKeys, JsonNumberStyle Numbers)
{
    /// <summary>Python's json.dumps(value, ensure_ascii=False).</summary>
    public static JsonStyle Python { get; } = new(", ", ": ", SortKeys: false, JsonNumberStyle.Python);

    /// <summary>Python's json.dumps with separators "," and ":" and sorted keys.</summary>
    public static JsonStyle PythonCompactSorted { get; } = new(",", ":", SortKeys: true, JsonNumberStyle.Python);

    /// <summary>serde_json's compact form, keys in their order.</summary>
    public static JsonStyle RustCompact { get; } = new(",", ":", SortKeys: false, JsonNumberStyle.Rust);

    /// <summary>serde_json's compact form with sorted keys.</summary>
    public static JsonStyle RustCompactSorted { get; } = new(",", ":", SortKeys: true, JsonNumberStyle.Rust);
}

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

/// <summary>How a reference implementation prints numbers.</summary>
internal enum JsonNumberStyle : byte
{
    /// <summary>Python: integers of any size; doubles by repr (<c>1e-07</c>, positional for 1e-4 ≤ |x| &lt; 1e16).</summary>
    Python,

    /// <summary>serde_json: integers of 64 bit, all others as doubles (<c>1e-7</c>, positional for 1e-5 ≤ |x| &lt; 1e16).</summary>
    Rust,
}

/// <summary>Orders strings by code point, as Python and UTF-8 bytes do; UTF-16 order puts U+E000–U+FFFF after the supplementary planes.</summary>
internal sealed class CodePointComparer : IComparer<string>
{
    public static CodePointComparer Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
        {
            return string.CompareOrdinal(x, y);
        }

        var shared = x.AsSpan().CommonPrefixLength(y);
        if (shared == x.Length || shared == y.Length)
        {
            return x.Length - y.Length;
        }

        var (left, right) = (x[shared], y[shared]);
        return char.IsSurrogate(left) == char.IsSurrogate(right) ? left - right : char.IsSurrogate(left) ? 1 : -1;
    }
}

using System.Text.Json;

namespace Connectors.Vllm.OutputParsing.Schemas;

/// <summary>
/// Types the text values of XML-like formats by the parameter's schema. The order is fixed (null, integer, number, boolean, object, array, string):
/// libraries that derive schemas from types list union members in declaration order without meaning a preference.
/// </summary>
internal static class ValueCoercer
{
    /// <summary>Gets the JSON text of a value; a string if no other type matches.</summary>
    /// <param name="raw">The text, framing removed.</param>
    /// <param name="types">The types the schema allows.</param>
    /// <param name="isMember">True when the text is one of the strings the schema enumerates.</param>
    public static string Coerce(ReadOnlySpan<char> raw, ValueTypes types, bool isMember = false)
    {
        if (types is ValueTypes.Text or ValueTypes.Unknown || isMember)
        {
            return JsonText.Quote(raw);
        }

        var text = raw.Trim();
        var mayBeText = types.HasFlag(ValueTypes.Text);
        if (text.Equals("null", StringComparison.OrdinalIgnoreCase) || (text is "None" && !mayBeText))
        {
            return "null";
        }

        // Where a string is allowed, only what JSON itself reads as a number is one: zip codes, phone numbers and versions stay as they are.
        if (types.HasFlag(ValueTypes.Whole) && (!mayBeText || (IsNumber(text) && !text.Contains('.'))) && Whole(text) is { } whole)
        {
            return whole;
        }

        if (types.HasFlag(ValueTypes.Number) && IsNumber(text))
        {
            return text.ToString();
        }

        if (types.HasFlag(ValueTypes.Truth) && Truth(text, digits: !mayBeText) is { } truth)
        {
            return truth;
        }

        if ((types & (ValueTypes.Map | ValueTypes.List)) != 0 && Container(text, types) is { } container)
        {
            return container;
        }

        // JSON that matches no allowed type is passed on unchanged, because the function's own validation gives a better error than a string would.
        return (mayBeText || text.IsEmpty ? null : JsonText.Canonical(text)) ?? JsonText.Quote(raw);
    }

    /// <summary>True when the text is a JSON number.</summary>
    public static bool IsNumber(ReadOnlySpan<char> text)
    {
        var i = text.StartsWith("-") ? 1 : 0;
        var digits = Digits(text, i);
        if (digits == 0 || (digits > 1 && text[i] == '0'))
        {
            return false;
        }

        i += digits;
        if (i < text.Length && text[i] == '.')
        {
            digits = Digits(text, i + 1);
            if (digits == 0)
            {
                return false;
            }

            i += digits + 1;
        }

        if (i < text.Length && text[i] is 'e' or 'E')
        {
            i += i + 1 < text.Length && text[i + 1] is '+' or '-' ? 2 : 1;
            digits = Digits(text, i);
            if (digits == 0)
            {
                return false;
            }

            i += digits;
        }

        return i == text.Length;
    }

    private static int Digits(ReadOnlySpan<char> text, int from)
    {
        var i = from;
        while (i < text.Length && char.IsAsciiDigit(text[i]))
        {
            i++;
        }

        return i - from;
    }

    // Any number of digits: identifiers do not fit 64 bits. A fraction of zeros is dropped.
    private static string? Whole(ReadOnlySpan<char> text)
    {
        var negative = text.StartsWith("-");
        var start = negative || text.StartsWith("+") ? 1 : 0;
        var digits = Digits(text, start);
        if (digits == 0)
        {
            return null;
        }

        var rest = text[(start + digits)..];
        if (rest is not "" and not ['.', ..] || (rest.Length > 0 && (rest.Length == 1 || rest[1..].ContainsAnyExcept('0'))))
        {
            return null;
        }

        var number = text.Slice(start, digits).TrimStart('0');
        return number.IsEmpty ? "0" : negative ? string.Concat("-", number) : number.ToString();
    }

    private static string? Truth(ReadOnlySpan<char> text, bool digits) =>
        text.Equals("true", StringComparison.OrdinalIgnoreCase) || (digits && text is "1") ? "true"
        : text.Equals("false", StringComparison.OrdinalIgnoreCase) || (digits && text is "0") ? "false"
        : null;

    private static string? Container(ReadOnlySpan<char> text, ValueTypes types)
    {
        if (text.IsEmpty)
        {
            return types.HasFlag(ValueTypes.Text) ? null : types.HasFlag(ValueTypes.Map) ? "{}" : "[]";
        }

        if (text[0] is not ('{' or '[' or '('))
        {
            return null;
        }

        using var document = JsonText.Parse(text);
        var wanted = document?.RootElement.ValueKind == JsonValueKind.Object ? ValueTypes.Map : ValueTypes.List;
        return document is null ? PythonLiteral.ToJson(text) : types.HasFlag(wanted) ? document.RootElement.GetRawText() : null;
    }
}

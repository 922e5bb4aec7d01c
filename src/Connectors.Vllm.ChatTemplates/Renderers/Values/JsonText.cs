using System.Globalization;
using System.Text;
using Connectors.Vllm.ChatTemplates.Values;
using Connectors.Vllm.Shared;

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
                JsonEscape.AppendString(text, value.Text);
                break;
            case PromptValueKind.Array:
                AppendArray(text, value, style);
                break;
            default:
                AppendObject(text, value, style);
                break;
        }
    }

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
            JsonEscape.AppendString(text, key);
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
internal sealed record JsonStyle(string ItemSeparator, string KeySeparator, bool SortKeys, FloatStyle Numbers)
{
    /// <summary>Python's json.dumps(value, ensure_ascii=False).</summary>
    public static JsonStyle Python { get; } = new(", ", ": ", SortKeys: false, FloatStyle.Python);

    /// <summary>Python's json.dumps with separators "," and ":" and sorted keys.</summary>
    public static JsonStyle PythonCompactSorted { get; } = new(",", ":", SortKeys: true, FloatStyle.Python);

    /// <summary>serde_json's compact form, keys in their order.</summary>
    public static JsonStyle RustCompact { get; } = new(",", ":", SortKeys: false, FloatStyle.Rust);

    /// <summary>serde_json's compact form with sorted keys.</summary>
    public static JsonStyle RustCompactSorted { get; } = new(",", ":", SortKeys: true, FloatStyle.Rust);
}

/// <summary>Formats number literals like Python or serde_json; both use the shortest round-trippable digits.</summary>
internal static class JsonNumber
{
    public static string Format(PromptValue number, FloatStyle style)
    {
        var literal = number.Text;
        if (!number.IsInteger)
        {
            return literal is "NaN" or "Infinity" or "-Infinity" ? literal : FloatText.Json(number.AsDouble(), style);
        }

        if (style == FloatStyle.Python)
        {
            return literal == "-0" ? "0" : literal;
        }

        var fits = long.TryParse(literal, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            || ulong.TryParse(literal, NumberStyles.None, CultureInfo.InvariantCulture, out _);
        return fits && literal != "-0" ? literal : FloatText.Json(number.AsDouble(), style);
    }
}

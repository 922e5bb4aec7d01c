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
        var members = style.SortKeys ? value.Members.OrderBy(member => member.Key, CodePointComparer.Instance) : (IEnumerable<KeyValuePair<string, PromptValue>>)value.Members;
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

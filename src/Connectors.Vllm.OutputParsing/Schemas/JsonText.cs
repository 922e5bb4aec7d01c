using System.Globalization;
using System.Text;

namespace Connectors.Vllm.OutputParsing;

/// <summary>Writes JSON text as models read it best: nothing escaped that need not be.</summary>
internal static class JsonText
{
    /// <summary>A JSON string of the text.</summary>
    public static string Quote(ReadOnlySpan<char> text)
    {
        var builder = new StringBuilder(text.Length + 2);
        AppendString(builder, text);
        return builder.ToString();
    }

    /// <summary>Appends a JSON string of the text.</summary>
    public static void AppendString(StringBuilder builder, ReadOnlySpan<char> text)
    {
        builder.Append('"');
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            switch (c)
            {
                case '"':
                    builder.Append("\\\"");
                    break;
                case '\\':
                    builder.Append("\\\\");
                    break;
                case '\n':
                    builder.Append("\\n");
                    break;
                case '\r':
                    builder.Append("\\r");
                    break;
                case '\t':
                    builder.Append("\\t");
                    break;
                case < ' ':
                    AppendEscape(builder, c);
                    break;
                case >= '\ud800' and <= '\udfff':
                    if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                    {
                        builder.Append(c).Append(text[++i]);
                    }
                    else
                    {
                        // Half a character cannot be written as UTF-8; escaped it can.
                        AppendEscape(builder, c);
                    }

                    break;
                default:
                    builder.Append(c);
                    break;
            }
        }

        builder.Append('"');
    }

    private static void AppendEscape(StringBuilder builder, char c) => builder.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
}

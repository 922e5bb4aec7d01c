using System.Globalization;
using System.Text.Json;
using System.Text;

namespace Connectors.Vllm.OutputParsing.Schemas;

/// <summary>Writes JSON text as models read it best (nothing escaped that need not be), and reads what models write.</summary>
internal static class JsonText
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 128 };

    /// <summary>Parses JSON text; null when it is none (or nested deeper than 128, or holds half characters).</summary>
    public static JsonDocument? Parse(ReadOnlySpan<char> text)
    {
        try
        {
            return JsonDocument.Parse(text.ToString().AsMemory(), Strict);
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>True when the text is one JSON object.</summary>
    public static bool IsObject(ReadOnlySpan<char> text)
    {
        using var document = Parse(text);
        return document?.RootElement.ValueKind == JsonValueKind.Object;
    }

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

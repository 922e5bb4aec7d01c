using System.Buffers;
using System.Globalization;
using System.Text;

namespace Connectors.Vllm.Shared;

/// <summary>The escapes of JSON strings as Python's json module and serde_json write them: quotes, backslashes and control characters only.</summary>
internal static class JsonEscape
{
    /// <summary>The characters that must be escaped.</summary>
    public static SearchValues<char> Escaped { get; } =
        SearchValues.Create([.. Enumerable.Range(0, ' ').Select(static unit => (char)unit), '"', '\\']);

    /// <summary>The escape of one UTF-16 unit.</summary>
    public static string Of(char unit) => unit switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\b' => "\\b",
        '\f' => "\\f",
        _ => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}"),
    };

    /// <summary>Appends a text as a JSON string, in quotes.</summary>
    public static void AppendString(StringBuilder builder, ReadOnlySpan<char> text)
    {
        builder.Append('"');
        while (text.IndexOfAny(Escaped) is var next and >= 0)
        {
            builder.Append(text[..next]).Append(Of(text[next]));
            text = text[(next + 1)..];
        }

        builder.Append(text).Append('"');
    }
}

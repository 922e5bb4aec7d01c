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

    private static readonly SearchValues<char> EscapedOrSurrogate = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Select(static unit => (char)unit), '"', '\\', .. Enumerable.Range(0xD800, 0x800)
            .Select(static unit => (char)unit)]);

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
    /// <param name="builder">The text so far.</param>
    /// <param name="text">What the string says.</param>
    /// <param name="replacesHalves">Whether halves of surrogate pairs become U+FFFD, as no UTF-8 text can hold them; otherwise they stay.</param>
    public static void AppendString(StringBuilder builder, ReadOnlySpan<char> text, bool replacesHalves = false)
    {
        builder.Append('"');
        var special = replacesHalves ? EscapedOrSurrogate : Escaped;
        while (text.IndexOfAny(special) is var next and >= 0)
        {
            if (char.IsHighSurrogate(text[next]) && next + 1 < text.Length && char.IsLowSurrogate(text[next + 1]))
            {
                builder.Append(text[..(next + 2)]);
                text = text[(next + 2)..];
                continue;
            }

            builder.Append(text[..next]).Append(char.IsSurrogate(text[next]) ? "\ufffd" : Of(text[next]));
            text = text[(next + 1)..];
        }

        builder.Append(text).Append('"');
    }
}

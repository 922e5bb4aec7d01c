using System.Buffers;
using System.Globalization;
using System.Text;

namespace Connectors.Vllm.Shared;

/// <summary>Escapes JSON strings like Python's json module and serde_json: quotes, backslashes and control characters only.</summary>
internal static class JsonEscape
{
    /// <summary>The characters that must be escaped.</summary>
    public static SearchValues<char> Escaped { get; } =
        SearchValues.Create([.. Enumerable.Range(0, ' ').Select(static unit => (char)unit), '"', '\\']);

    private static readonly SearchValues<char> EscapedOrSurrogate = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Select(static unit => (char)unit), '"', '\\', .. Enumerable.Range(0xD800, 0x800)
            .Select(static unit => (char)unit)]);

    /// <summary>Gets the escape sequence of one UTF-16 code unit.</summary>
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
    /// <param name="builder">The builder to append to.</param>
    /// <param name="text">The content of the string.</param>
    /// <param name="replacesLoneSurrogates">Whether unpaired surrogates, which UTF-8 cannot represent, become U+FFFD.</param>
    public static void AppendString(StringBuilder builder, ReadOnlySpan<char> text, bool replacesLoneSurrogates = false)
    {
        builder.Append('"');
        var special = replacesLoneSurrogates ? EscapedOrSurrogate : Escaped;
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

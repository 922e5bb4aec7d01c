using System.Buffers;
using System.Net;
using System.Text;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>Filters on HTML.</summary>
internal static class MarkupFilters
{
    private static readonly SearchValues<char> ForbiddenInNames = SearchValues.Create(" \t\n\r\f\v/>=");

    public static Method[] All { get; } =
    [
        new("safe", "", (context, value, _) => Value.Of(PyPrint.ToSoftStr(context, value).AsMarkup())),
        new("escape", "", (context, value, _) => Value.Of(HtmlEscape.Escape(context, value))),
        new("e", "", (context, value, _) => Value.Of(HtmlEscape.Escape(context, value))),
        new("forceescape", "", (context, value, _) => Value.Of(HtmlEscape.Escape(context, PyPrint.ToStr(context, value)))),
        new("striptags", "", StripTags),
        new("xmlattr", "autospace?", XmlAttributes),
        new("urlize", (_, _, _) => throw new PyException("urlize makes HTML links, which no prompt should have; it is not available")),
    ];

    private static Value StripTags(RenderContext context, Value value, Value[] arguments)
    {
        var text = PyPrint.ToStr(context, value);
        context.SpendText(text.Length * 4L);
        var source = RemoveBetween(RemoveBetween(text.Text, "<!--", "-->"), "<", ">");
        var words = source.Split([' ', '\t', '\n', '\v', '\f', '\r', '\u001c', '\u001d', '\u001e', '\u001f', '\u0085', '\u00a0'], StringSplitOptions.RemoveEmptyEntries);
        return Value.Of(text.Derive(WebUtility.HtmlDecode(string.Join(' ', words))));
    }

    private static string RemoveBetween(string text, string open, string close)
    {
        var kept = new StringBuilder();
        var at = 0;
        while (true)
        {
            var start = text.IndexOf(open, at, StringComparison.Ordinal);
            var end = start < 0 ? -1 : text.IndexOf(close, start, StringComparison.Ordinal);
            if (end < 0)
            {
                return kept.Append(text, at, text.Length - at).ToString();
            }

            kept.Append(text, at, start - at);
            at = end + close.Length;
        }
    }

    private static Value XmlAttributes(RenderContext context, Value value, Value[] arguments)
    {
        if (value.Object is not PyDict dict)
        {
            PyOps.ThrowIfUndefined(value);
            throw new PyException($"'{PyOps.TypeName(value)}' object has no attribute 'items'");
        }

        var output = context.Output;
        var escaped = new List<(Str Key, Str Value)>();
        for (var i = 0; i < dict.Length; i++)
        {
            context.Spend(4);
            if (dict.Values[i].IsNone || dict.Values[i].IsUndefined)
            {
                continue;
            }

            var key = TextMethods.Require(dict.Keys[i]);
            if (key.Text.AsSpan().ContainsAny(ForbiddenInNames))
            {
                throw new PyException($"Invalid character in attribute name: '{key.Text}'");
            }

            escaped.Add((HtmlEscape.Escape(context, key), HtmlEscape.Escape(context, dict.Values[i])));
        }

        var start = output.Length;
        var needsSpace = arguments.Length == 0 || PyOps.IsTruthy(arguments[0]);
        foreach (var (key, content) in escaped)
        {
            if (needsSpace)
            {
                output.Append(' ');
            }

            needsSpace = true;
            output.Append(key);
            output.Append("=\"");
            output.Append(content);
            output.Append('"');
        }

        return Value.Of(output.Cut(start));
    }
}

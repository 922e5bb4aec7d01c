using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Filters;

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
        new("urlize", (_, _, _) => throw new PyException("urlize creates HTML links, which have no place in a prompt; it is not available")),
    ];

    private static Value StripTags(RenderContext context, Value value, Value[] arguments)
    {
        var text = PyPrint.ToStr(context, value);
        context.SpendText(text.Length * 4L);
        var source = RemoveBetween(RemoveBetween(text.Text, "<!--", "-->"), "<", ">");
        var words = source.Split(
            [' ', '\t', '\n', '\v', '\f', '\r', '\u001c', '\u001d', '\u001e', '\u001f', '\u0085', '\u00a0'],
            StringSplitOptions.RemoveEmptyEntries);
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

/// <summary>The filter <c>urlencode</c>.</summary>
internal static class UrlText
{
    public static Value Apply(RenderContext context, Value value, Value[] arguments)
    {
        if (value.IsString || PyOps.TryIterate(value) is null)
        {
            return Value.Of(Quote(context, value, "/", forQuery: false));
        }

        var pairs = value.Object is PyDict dict
            ? PyOps.ToArray(context, Value.Of(new DictView(dict, DictViewKind.Items)))
            : PyOps.ToArray(context, value);
        var parts = new List<string>();
        var marked = false;
        foreach (var item in pairs)
        {
            context.Spend(4);
            var pair = PyOps.ToArray(context, item);
            if (pair.Length != 2)
            {
                throw new PyException("urlencode needs pairs of key and value");
            }

            var (key, content) = (Quote(context, pair[0], "", forQuery: true), Quote(context, pair[1], "", forQuery: true));
            marked |= key.Marks is not null || content.Marks is not null;
            parts.Add($"{key.Text}={content.Text}");
        }

        return Value.Of(string.Join('&', parts), marked);
    }

    private static Str Quote(RenderContext context, Value value, string safe, bool forQuery)
    {
        var text = PyPrint.ToStr(context, value);
        context.Spend(text.Length);
        var quoted = new StringBuilder();
        foreach (var unit in Encoding.UTF8.GetBytes(text.Text))
        {
            var character = (char)unit;
            if (char.IsAsciiLetterOrDigit(character) || character is '_' or '.' or '-' or '~' || safe.Contains(character))
            {
                quoted.Append(character);
            }
            else if (forQuery && character == ' ')
            {
                quoted.Append('+');
            }
            else
            {
                quoted.Append(CultureInfo.InvariantCulture, $"%{unit:X2}");
            }
        }

        return text.Derive(quoted.ToString());
    }
}

/// <summary>transformers' <c>tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)</c>.</summary>
internal static class JsonFilter
{
    /// <summary>Writes JSON with the default options.</summary>
    public static void Write(RenderContext context, Value value) =>
        new TemplateJson(context, ensureAscii: false, null, ", ", ": ", sortKeys: false).Write(value);

    public static Value Apply(RenderContext context, Value value, Value[] arguments)
    {
        var start = context.Output.Length;
        if (arguments.Length == 0)
        {
            Write(context, value);
            return Value.Of(context.Output.Cut(start));
        }

        var indent = Indent(context, Method.Argument(arguments, 1));
        var (item, key) = Separators(context, Method.Argument(arguments, 2), indent is not null);
        new TemplateJson(context, PyOps.IsTruthy(arguments[0]), indent, item, key, PyOps.IsTruthy(Method.Argument(arguments, 3))).Write(value);
        return Value.Of(context.Output.Cut(start));
    }

    private static Str? Indent(RenderContext context, Value indent)
    {
        if (indent.IsMissing || indent.IsNone)
        {
            return null;
        }

        if (indent.IsString)
        {
            return indent.Str;
        }

        var width = Math.Max(0, PyNumber.ToIndex(indent, "indent"));
        context.SpendText(width);
        return width <= 10_000 ? new string(' ', width) : throw new PyException($"an indent of {width} is too wide");
    }

    private static (Str Item, Str Key) Separators(RenderContext context, Value separators, bool isIndented)
    {
        if (separators.IsMissing || separators.IsNone)
        {
            return (isIndented ? "," : ", ", ": ");
        }

        var pair = PyOps.ToArray(context, separators);
        return pair.Length == 2
            ? (TextMethods.Require(pair[0]), TextMethods.Require(pair[1]))
            : throw new PyException($"separators must be two strings, not {pair.Length}");
    }
}

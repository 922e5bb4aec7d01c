using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Filters;

/// <summary>transformers' <c>tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)</c>.</summary>
internal static class JsonFilter
{
    /// <summary>Writes the JSON with the defaults.</summary>
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

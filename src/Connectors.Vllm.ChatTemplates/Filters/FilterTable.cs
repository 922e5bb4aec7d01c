using System.Collections.Frozen;
using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Filters;

/// <summary>The filters of the template environment: jinja2's own, with transformers' tojson.</summary>
internal static class FilterTable
{
    public static Method ToJson { get; } = new("tojson", "ensure_ascii? indent? separators? sort_keys?", JsonFilter.Apply);

    private static readonly FrozenDictionary<string, Method> Table = new[]
    {
        TextFilters.All, SequenceFilters.All, SelectionFilters.All, NumberFilters.All, MarkupFilters.All, MiscFilters.All, [ToJson],
    }.SelectMany(filters => filters).ToFrozenDictionary(filter => filter.Signature.Name, StringComparer.Ordinal);

    public static Method? Find(string name) => Table.GetValueOrDefault(name);
}

/// <summary>Filters on anything.</summary>
internal static class MiscFilters
{
    public static Method[] All { get; } =
    [
        new("default", "default_value? boolean?", Default),
        new("d", "default_value? boolean?", Default),
        new("attr", "name", Attribute),
        new("pprint", "", PrettyPrint),
    ];

    private static Value Default(RenderContext context, Value value, Value[] arguments) =>
        value.IsUndefined || (PyOps.IsTruthy(Method.Argument(arguments, 1)) && !PyOps.IsTruthy(value))
            ? Method.Argument(arguments, 0) is { IsMissing: false } otherwise ? otherwise : Value.EmptyString
            : value;

    // Attributes only, never items.
    private static Value Attribute(RenderContext context, Value value, Value[] arguments)
    {
        if (!arguments[0].IsString)
        {
            throw new PyException($"attribute name must be string, not '{PyOps.TypeName(arguments[0])}'");
        }

        var name = new AttributeName(arguments[0].Text);
        var method = name.FindMethod(value, out var isUnsafe);
        return method is not null || isUnsafe || value.Object is not PyDict ? name.Get(context, value) : Undefined.Member(value, name.Name);
    }

    // Wide values would be broken into lines; a chat template has no use for that.
    private static Value PrettyPrint(RenderContext context, Value value, Value[] arguments)
    {
        var start = context.Output.Length;
        PyPrint.WriteRepr(context, value, context.Output);
        return Value.Of(context.Output.Cut(start));
    }
}

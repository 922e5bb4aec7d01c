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

/// <summary>Filters on any value.</summary>
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

    // Does not break wide values into lines, which chat templates do not need.
    private static Value PrettyPrint(RenderContext context, Value value, Value[] arguments)
    {
        var start = context.Output.Length;
        PyPrint.WriteRepr(context, value, context.Output);
        return Value.Of(context.Output.Cut(start));
    }
}

/// <summary>The tests of jinja2 (<c>x is name</c>).</summary>
internal static class TestTable
{
    private static readonly FrozenDictionary<string, Method> Table = new[]
    {
        Is("defined", value => !value.IsUndefined),
        Is("undefined", value => value.IsUndefined),
        Is("none", value => value.IsNone),
        Is("boolean", value => value.IsBool),
        Is("true", value => value.IsBool && value.Boolean),
        Is("false", value => value.IsBool && !value.Boolean),
        Is("integer", value => value.Kind is ValueKind.Int or ValueKind.BigInt),
        Is("float", value => value.IsFloat),
        Is("number", value => PyCompare.IsNumber(value.Kind)),
        Is("string", value => value.IsString),
        Is("mapping", value => value.Object is PyDict),
        Is("sequence", IsSequence),
        Is("iterable", value => PyOps.TryIterate(value) is not null),
        Is("callable", PyOps.IsCallable),
        Is("escaped", value => value.IsString && value.Str.IsMarkup),
        new("lower", "", (context, value, _) => Value.Of(IsCase(context, value, lower: true))),
        new("upper", "", (context, value, _) => Value.Of(IsCase(context, value, lower: false))),
        new("odd", "", (context, value, _) => Value.Of(PyCompare.AreEqual(context, PercentFormat.Modulo(context, value, Value.Of(2)), Value.Of(1)))),
        new("even", "", (context, value, _) => Value.Of(PyCompare.AreEqual(context, PercentFormat.Modulo(context, value, Value.Of(2)), Value.Of(0)))),
        new("divisibleby", "num", (context, value, arguments) =>
            Value.Of(PyCompare.AreEqual(context, PercentFormat.Modulo(context, value, arguments[0]), Value.Of(0)))),
        new("filter", "", (context, value, _) => Value.Of(value.IsString ? FilterTable.Find(value.Text) is not null : Unhashable(context, value))),
        new("test", "", (context, value, _) => Value.Of(value.IsString ? Find(value.Text) is not null : Unhashable(context, value))),
        new("sameas", "other", (context, value, arguments) => Value.Of(IsSame(context, value, arguments[0]))),
        new("in", "seq", (context, value, arguments) => Value.Of(PyOps.Contains(context, arguments[0], value))),
        Compares("==", "=="), Compares("eq", "=="), Compares("equalto", "=="),
        Compares("!=", "!="), Compares("ne", "!="),
        Compares(">", ">"), Compares("gt", ">"), Compares("greaterthan", ">"),
        Compares(">=", ">="), Compares("ge", ">="),
        Compares("<", "<"), Compares("lt", "<"), Compares("lessthan", "<"),
        Compares("<=", "<="), Compares("le", "<="),
    }.ToFrozenDictionary(test => test.Signature.Name, StringComparer.Ordinal);

    public static Method? Find(string name) => Table.GetValueOrDefault(name);

    private static Method Is(string name, Func<Value, bool> test) => new(name, "", (_, value, _) => Value.Of(test(value)));

    private static Method Compares(string name, string symbol) =>
        new(name, "other", (context, value, arguments) => Value.Of(PyCompare.Holds(context, symbol, value, arguments[0])));

    private static bool IsCase(RenderContext context, Value value, bool lower)
    {
        var text = PyPrint.ToStr(context, value).Text;
        context.Spend(text.Length >> 3);
        return TextShape.IsCase(text, lower);
    }

    private static bool IsSequence(Value value) =>
        value.IsString || value.Kind is ValueKind.List or ValueKind.Tuple or ValueKind.Dict or ValueKind.Undefined
            || value.Object is RangeObject or GroupTuple;

    private static bool Unhashable(RenderContext context, Value value)
    {
        PyHash.RequireHashable(context, value);
        return false;
    }

    private static bool IsSame(RenderContext context, Value value, Value other) =>
        value.Kind == other.Kind && (value.Kind is ValueKind.None or ValueKind.Bool ? PyCompare.AreEqual(context, value, other)
            : value.Object is not null && value.Object is not KindTag ? ReferenceEquals(value.Object, other.Object)
            : PyCompare.AreEqual(context, value, other));
}

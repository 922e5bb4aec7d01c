namespace Connectors.Vllm.ChatTemplates;

/// <summary>map, select, reject and their attr forms: lazy, as in Python.</summary>
internal static class SelectionFilters
{
    public static Method[] All { get; } =
    [
        new("map", Map),
        new("select", (context, value, arguments) => Select(context, value, arguments, byAttribute: false, keep: true)),
        new("reject", (context, value, arguments) => Select(context, value, arguments, byAttribute: false, keep: false)),
        new("selectattr", (context, value, arguments) => Select(context, value, arguments, byAttribute: true, keep: true)),
        new("rejectattr", (context, value, arguments) => Select(context, value, arguments, byAttribute: true, keep: false)),
    ];

    private static Value Map(RenderContext context, Value value, CallArguments arguments)
    {
        return Value.Of(PyIterator.Over(Enumerate()));

        IEnumerable<Value> Enumerate()
        {
            if (!PyOps.IsTruthy(value))
            {
                yield break;
            }

            var map = Mapping(context, arguments);
            var items = PyOps.Iterate(value);
            while (items.Next(out var item))
            {
                context.Spend(1);
                yield return map(item);
            }
        }
    }

    private static Func<Value, Value> Mapping(RenderContext context, CallArguments arguments)
    {
        var attribute = Keyword(arguments, "attribute");
        if (arguments.Positional.Length == 0 && !attribute.IsMissing)
        {
            var path = AttributePath.Of(attribute, Keyword(arguments, "default"));
            return Array.Find(arguments.Keywords, keyword => keyword.Name is not ("attribute" or "default")) is { Name: not null } other
                ? throw new PyException($"Unexpected keyword argument '{other.Name}'")
                : item => path.Get(context, item);
        }

        if (arguments.Positional.Length == 0)
        {
            throw new PyException("map requires a filter argument");
        }

        var name = PyPrint.ToStr(context, arguments.Positional[0]).Text;
        var filter = Filters.Find(name) ?? throw new PyException($"No filter named '{name}'.");
        var rest = arguments.Skip(1);
        return item => filter.Invoke(context, item, rest);
    }

    private static Value Select(RenderContext context, Value value, CallArguments arguments, bool byAttribute, bool keep)
    {
        return Value.Of(PyIterator.Over(Enumerate()));

        IEnumerable<Value> Enumerate()
        {
            if (!PyOps.IsTruthy(value))
            {
                yield break;
            }

            var condition = Condition(context, arguments, byAttribute);
            var items = PyOps.Iterate(value);
            while (items.Next(out var item))
            {
                context.Spend(1);
                if (condition(item) == keep)
                {
                    yield return item;
                }
            }
        }
    }

    private static Func<Value, bool> Condition(RenderContext context, CallArguments arguments, bool byAttribute)
    {
        AttributePath? path = null;
        if (byAttribute)
        {
            if (arguments.Positional.Length == 0)
            {
                throw new PyException("Missing parameter for attribute name");
            }

            path = AttributePath.Of(arguments.Positional[0]);
            arguments = arguments.Skip(1);
        }

        if (arguments.Positional.Length == 0)
        {
            return item => PyOps.IsTruthy(path is null ? item : path.Get(context, item));
        }

        var name = PyPrint.ToStr(context, arguments.Positional[0]).Text;
        var test = Tests.Find(name) ?? throw new PyException($"No test named '{name}'.");
        var rest = arguments.Skip(1);
        return item => PyOps.IsTruthy(test.Invoke(context, path is null ? item : path.Get(context, item), rest));
    }

    private static Value Keyword(CallArguments arguments, string name)
    {
        foreach (var keyword in arguments.Keywords)
        {
            if (keyword.Name == name)
            {
                return keyword.Value;
            }
        }

        return default;
    }
}

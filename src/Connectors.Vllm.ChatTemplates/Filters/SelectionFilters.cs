using System.Globalization;
using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Filters;

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
        var filter = FilterTable.Find(name) ?? throw new PyException($"No filter named '{name}'.");
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
        var test = TestTable.Find(name) ?? throw new PyException($"No test named '{name}'.");
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

/// <summary>The attribute of a filter such as map or selectattr: a dotted path, in which numeric parts are indices.</summary>
internal sealed class AttributePath
{
    private readonly object[] _parts;
    private readonly Value _default;

    private AttributePath(object[] parts, Value otherwise)
    {
        _parts = parts;
        _default = otherwise;
    }

    public static AttributePath Of(Value attribute, Value otherwise = default)
    {
        if (attribute.IsMissing || attribute.IsNone)
        {
            return new AttributePath([], otherwise);
        }

        return new AttributePath(
            attribute.IsString
                ? Array.ConvertAll<string, object>(attribute.Text.Split('.'), part => part.Length is > 0 and < 9 && part.All(char.IsAsciiDigit)
                    ? Value.Of(int.Parse(part, CultureInfo.InvariantCulture))
                    : new AttributeName(part))
                : [attribute],
            otherwise);
    }

    /// <summary>Parses several paths separated by commas, as in sort.</summary>
    public static AttributePath[] Several(Value attribute) =>
        attribute.IsString ? Array.ConvertAll(attribute.Text.Split(','), part => Of(Value.Of(part))) : [Of(attribute)];

    public Value Get(RenderContext context, Value item)
    {
        foreach (var part in _parts)
        {
            if (part is AttributeName name)
            {
                PyOps.ThrowIfUndefined(item);
                item = name.GetItem(context, item);
            }
            else
            {
                item = ItemAccess.Get(context, item, (Value)part);
            }

            if (item.IsUndefined && !_default.IsMissing && !_default.IsNone)
            {
                item = _default;
            }
        }

        return item;
    }
}

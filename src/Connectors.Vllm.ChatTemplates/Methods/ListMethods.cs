using System.Collections.Frozen;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>The methods of list and tuple. The sandbox refuses those that change the list.</summary>
internal static class ListMethods
{
    private static readonly FrozenDictionary<string, Method> Table = new Method[]
    {
        new("count", "/ value", (context, self, arguments) => Value.Of(Items(context, self).Count(item => PyCompare.AreEqual(context, item, arguments[0])))),
        new("copy", "/", (_, self, _) => self),
        new("index", "/ value start? stop?", Index),
    }.ToFrozenDictionary(method => method.Signature.Name, StringComparer.Ordinal);

    public static Method? Find(string name) => Table.GetValueOrDefault(name);

    public static bool IsMutator(string name) => name is "append" or "clear" or "pop" or "reverse" or "insert" or "sort" or "extend" or "remove";

    private static Value[] Items(RenderContext context, Value self)
    {
        var items = PyOps.ToArray(context, self);
        context.Spend(items.Length);
        return items;
    }

    private static Value Index(RenderContext context, Value self, Value[] arguments)
    {
        var items = Items(context, self);
        var (start, stop, _) = PyStrings.SliceBounds(Method.Argument(arguments, 1), Method.Argument(arguments, 2), default, items.Length);
        for (var i = start; i < stop; i++)
        {
            if (PyCompare.AreEqual(context, items[i], arguments[0]))
            {
                return Value.Of(i);
            }
        }

        throw new PyException("the value is not in the list");
    }
}

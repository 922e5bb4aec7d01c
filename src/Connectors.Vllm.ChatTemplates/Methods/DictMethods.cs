using System.Collections.Frozen;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>The methods of dict. The sandbox refuses those that change the dict.</summary>
internal static class DictMethods
{
    private static readonly FrozenDictionary<string, Method> Table = new Method[]
    {
        new("items", "/", (_, self, _) => Value.Of(new DictView((PyDict)self.Object!, DictViewKind.Items))),
        new("keys", "/", (_, self, _) => Value.Of(new DictView((PyDict)self.Object!, DictViewKind.Keys))),
        new("values", "/", (_, self, _) => Value.Of(new DictView((PyDict)self.Object!, DictViewKind.Values))),
        new("get", "/ key default?", (context, self, arguments) =>
            ((PyDict)self.Object!).TryGet(context, arguments[0], out var value) ? value
            : Method.Argument(arguments, 1) is { IsMissing: false } otherwise ? otherwise
            : Value.None),
        new("copy", "/", (_, self, _) => self),
        new("fromkeys", "/ keys value?", FromKeys),
    }.ToFrozenDictionary(method => method.Signature.Name, StringComparer.Ordinal);

    public static Method? Find(string name) => Table.GetValueOrDefault(name);

    public static bool IsMutator(string name) => name is "clear" or "pop" or "popitem" or "setdefault" or "update";

    private static Value FromKeys(RenderContext context, Value self, Value[] arguments)
    {
        var dict = new PyDict();
        foreach (var key in PyOps.ToArray(context, arguments[0]))
        {
            dict.Set(context, key, Method.Argument(arguments, 1) is { IsMissing: false } value ? value : Value.None);
        }

        return Value.Of(dict);
    }
}

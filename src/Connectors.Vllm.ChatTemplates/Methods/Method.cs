using System.Collections.Frozen;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary>A method of a built-in type, with arguments that are bound (if <see cref="Signature"/> is set) or raw.</summary>
internal sealed class Method
{
    private readonly Func<RenderContext, Value, Value[], Value>? _bound;
    private readonly Func<RenderContext, Value, CallArguments, Value>? _open;

    public Method(string name, string parameters, Func<RenderContext, Value, Value[], Value> body)
    {
        Signature = new Signature(name, parameters);
        _bound = body;
    }

    public Method(string name, Func<RenderContext, Value, CallArguments, Value> body)
    {
        Signature = new Signature(name, "");
        _open = body;
    }

    public Signature Signature { get; }

    public Value Invoke(RenderContext context, Value self, CallArguments arguments) =>
        _open is not null ? _open(context, self, arguments) : _bound!(context, self, arguments.Bind(Signature));

    /// <summary>Gets an optional argument, or a missing value.</summary>
    public static Value Argument(Value[] arguments, int index) => index < arguments.Length ? arguments[index] : default;
}

/// <summary>A method with its object, the value of <c>x.method</c> without a call.</summary>
internal sealed class BoundMethod(Value self, Method method) : PyObject
{
    public override string TypeName => "builtin_function_or_method";

    public override bool IsCallable => true;

    public override Value Call(RenderContext context, CallArguments arguments) => method.Invoke(context, self, arguments);

    public override void WriteRepr(RenderContext context, TextBuilder output) =>
        output.Append($"<built-in method {method.Signature.Name} of {PyOps.TypeName(self)} object>");
}

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

/// <summary>The methods of list and tuple. The sandbox refuses those that change the list.</summary>
internal static class ListMethods
{
    private static readonly FrozenDictionary<string, Method> Table = new Method[]
    {
        new("count", "/ value", (context, self, arguments) =>
            Value.Of(Items(context, self).Count(item => PyCompare.AreEqual(context, item, arguments[0])))),
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

/// <summary>The methods of int and float.</summary>
internal static class NumberMethods
{
    private static readonly Method BitLength = new("bit_length", "/", (_, self, _) =>
        Value.Of(System.Numerics.BigInteger.Abs(PyNumber.ToBigInteger(self)) is { IsZero: false } n ? (long)n.GetBitLength() : 0));
    private static readonly Method Conjugate = new("conjugate", "/", (_, self, _) => PyArithmetic.Plus(self));
    private static readonly Method IsInteger = new("is_integer", "/", (_, self, _) => Value.Of(double.IsInteger(self.Double)));

    public static Method? Find(string name, bool isFloat) => name switch
    {
        "conjugate" => Conjugate,
        "bit_length" when !isFloat => BitLength,
        "is_integer" when isFloat => IsInteger,
        _ => null,
    };
}

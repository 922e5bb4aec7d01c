using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary><c>owner[key]</c> as jinja2's sandbox does it: the item, otherwise the attribute with that name, otherwise undefined.</summary>
internal static class ItemAccess
{
    public static Value Get(RenderContext context, Value owner, Value key)
    {
        PyOps.ThrowIfUndefined(owner);
        if (key.IsString)
        {
            context.Spend(key.Text.Length >> 3);
            return new AttributeName(key.Text).GetItem(context, owner);
        }

        var item = TryGet(context, owner, key);
        return item.IsMissing ? MissingItem(context, owner, key) : item;
    }

    /// <summary><c>owner[start:stop:step]</c>.</summary>
    public static Value Slice(RenderContext context, Value owner, Value start, Value stop, Value step)
    {
        PyOps.ThrowIfUndefined(owner);
        if (owner.TryGetStr(out var text))
        {
            return Value.Of(PyStrings.Slice(context, text, start, stop, step));
        }

        if (owner.Object is RangeObject range)
        {
            return Value.Of(range.Slice(start, stop, step));
        }

        if (owner.Object is not PySequence sequence)
        {
            throw new PyException($"'{PyOps.TypeName(owner)}' object is not subscriptable");
        }

        var items = sequence.Items;
        var (first, last, stride) = PyStrings.SliceBounds(start, stop, step, items.Length);
        if (stride == 1)
        {
            context.Spend(Math.Max(0, last - first) >> 2);
            return Value.Of(new PySequence(first < last ? items[first..last] : [], sequence.IsTuple));
        }

        var slice = new List<Value>();
        for (long i = first; stride > 0 ? i < last : i > last; i += stride)
        {
            context.Spend(1);
            slice.Add(items[i]);
        }

        return Value.Of(new PySequence([.. slice], sequence.IsTuple));
    }

    /// <summary>Gets the item with an index or a key that is not a string; a missing value if there is none.</summary>
    public static Value TryGet(RenderContext context, Value owner, Value key)
    {
        if (owner.Object is PyDict dict)
        {
            try
            {
                return dict.TryGet(context, key, out var value) ? value : default;
            }
            catch (PyException)
            {
                // An unhashable key is a TypeError, which subscripts ignore.
                return default;
            }
        }

        if (key.Kind is not (ValueKind.Int or ValueKind.Bool))
        {
            return default;
        }

        if (owner.TryGetStr(out var text))
        {
            return PyStrings.CharacterAt(context, text, key.Number);
        }

        if (owner.Object is PySequence sequence)
        {
            var index = key.Number < 0 ? key.Number + sequence.Items.Length : key.Number;
            return index >= 0 && index < sequence.Items.Length ? sequence.Items[index] : default;
        }

        if (owner.Object is GroupTuple group)
        {
            return group.ItemAt(key.Number);
        }

        if (owner.Object is RangeObject range)
        {
            var index = key.Number < 0 ? key.Number + range.Length : key.Number;
            return index >= 0 && index < range.Length ? range.ItemAt(index) : default;
        }

        return default;
    }

    private static Value MissingItem(RenderContext context, Value owner, Value key)
    {
        var start = context.Output.Length;
        PyPrint.WriteRepr(context, key, context.Output);
        return Undefined.Because($"{PyOps.ObjectTypeName(owner)} has no element {context.Output.Cut(start).Text}");
    }
}

/// <summary>A name after a dot. The methods with this name are looked up once when the template is parsed.</summary>
internal sealed class AttributeName(string name)
{
    public string Name { get; } = name;

    private readonly Method? _text = TextMethods.Find(name);
    private readonly Method? _dict = DictMethods.Find(name);
    private readonly Method? _list = ListMethods.Find(name);
    private readonly bool _isMutator = ListMethods.IsMutator(name);
    private readonly bool _isDictMutator = DictMethods.IsMutator(name);

    /// <summary>Finds the built-in method with this name, or null, and whether the sandbox refuses it.</summary>
    public Method? FindMethod(Value owner, out bool isUnsafe)
    {
        isUnsafe = false;
        switch (owner.Kind)
        {
            case ValueKind.String:
                return _text;
            case ValueKind.Dict:
                isUnsafe = _isDictMutator;
                return _dict;
            case ValueKind.List:
                isUnsafe = _isMutator;
                return _list;
            case ValueKind.Tuple:
                return Name is "count" or "index" ? _list : null;
            case ValueKind.Int or ValueKind.BigInt or ValueKind.Bool or ValueKind.Float:
                return NumberMethods.Find(Name, owner.IsFloat);
            default:
                return owner.Object is RangeObject && (Name is "count" or "index") ? _list : null;
        }
    }

    /// <summary><c>owner.name</c>: an attribute first, then an item.</summary>
    public Value Get(RenderContext context, Value owner)
    {
        var method = FindMethod(owner, out var isUnsafe);
        if (isUnsafe)
        {
            return Undefined.Because($"access to attribute '{Name}' of '{PyOps.TypeName(owner)}' object is unsafe.");
        }

        if (method is not null)
        {
            return Value.Of(new BoundMethod(owner, method));
        }

        if (owner.Object is PyDict dict)
        {
            return dict.TryGet(Name, out var item) ? item : Undefined.Member(owner, Name);
        }

        var attribute = GetAttributeOnly(context, owner);
        return attribute.IsMissing ? Undefined.Member(owner, Name) : attribute;
    }

    /// <summary><c>owner['name']</c>: an item first, then an attribute.</summary>
    public Value GetItem(RenderContext context, Value owner)
    {
        if (owner.Object is PyDict dict && dict.TryGet(Name, out var item))
        {
            return item;
        }

        PyOps.ThrowIfUndefined(owner);
        var method = FindMethod(owner, out var isUnsafe);
        if (isUnsafe)
        {
            return Undefined.Because($"access to attribute '{Name}' of '{PyOps.TypeName(owner)}' object is unsafe.");
        }

        if (method is not null)
        {
            return Value.Of(new BoundMethod(owner, method));
        }

        var attribute = GetAttributeOnly(context, owner);
        return attribute.IsMissing ? Undefined.Member(owner, Name) : attribute;
    }

    private Value GetAttributeOnly(RenderContext context, Value owner)
    {
        switch (owner.Kind)
        {
            case ValueKind.Int or ValueKind.BigInt or ValueKind.Bool:
                return Name switch
                {
                    "real" or "numerator" => PyArithmetic.Plus(owner),
                    "imag" => Value.Of(0),
                    "denominator" => Value.Of(1),
                    _ => default,
                };
            case ValueKind.Float:
                return Name == "real" ? owner : Name == "imag" ? Value.Of(0.0) : default;
            case ValueKind.None or ValueKind.String:
                return default;
            default:
                return owner.Object?.GetAttribute(context, Name) ?? default;
        }
    }
}

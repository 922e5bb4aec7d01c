using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Methods;

/// <summary>A name behind a dot, with the methods it could mean looked up once when the template is parsed.</summary>
internal sealed class AttributeName(string name)
{
    public string Name { get; } = name;

    private readonly Method? _text = TextMethods.Find(name);
    private readonly Method? _dict = DictMethods.Find(name);
    private readonly Method? _list = ListMethods.Find(name);
    private readonly bool _isMutator = ListMethods.IsMutator(name);
    private readonly bool _isDictMutator = DictMethods.IsMutator(name);

    /// <summary>The built-in method of this name, or null. Says whether the sandbox refuses it.</summary>
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

namespace Connectors.Vllm.ChatTemplates;

/// <summary>What <c>keys()</c>, <c>values()</c> and <c>items()</c> give.</summary>
internal sealed class DictView(PyDict dict, DictViewKind kind) : PyObject
{
    public override string TypeName => kind switch { DictViewKind.Keys => "dict_keys", DictViewKind.Values => "dict_values", _ => "dict_items" };

    public override int Length => dict.Length;

    public override bool IsTruthy => dict.Length > 0;

    public override PyIterator TryIterate() => kind == DictViewKind.Keys ? dict.TryIterate() : new ViewIterator(this);

    public Value ItemAt(int index) => kind switch
    {
        DictViewKind.Keys => dict.Keys[index],
        DictViewKind.Values => dict.Values[index],
        _ => PySequence.Tuple(dict.Keys[index], dict.Values[index]),
    };

    /// <summary>The operator <c>in</c> where it needs no walk through all items.</summary>
    public bool TryContains(RenderContext context, Value item, out bool found)
    {
        found = kind == DictViewKind.Keys && dict.TryGet(context, item, out _);
        return kind == DictViewKind.Keys;
    }

    /// <summary>Set equality of keys or items; values views are equal to nothing but themselves.</summary>
    public bool SameItems(RenderContext? context, DictView other)
    {
        if (kind == DictViewKind.Values || kind != other.View || Length != other.Length)
        {
            return ReferenceEquals(this, other);
        }

        for (var i = 0; i < dict.Length; i++)
        {
            if (!other.Find(context, dict.Keys[i], out var value) || (kind == DictViewKind.Items && !PyCompare.AreEqual(context, value, dict.Values[i])))
            {
                return false;
            }
        }

        return true;
    }

    private DictViewKind View => kind;

    private bool Find(RenderContext? context, Value key, out Value value) => dict.TryGet(context, key, out value);

    public Value Except(Value other) =>
        throw new PyException($"unsupported operand type(s) for -: '{TypeName}' and '{PyOps.TypeName(other)}'");

    public override void WriteRepr(RenderContext context, TextBuilder output)
    {
        output.Append(TypeName);
        output.Append('(');
        PyPrint.WriteItems(context, Enumerable.Range(0, Length).Select(ItemAt).ToArray(), output, '[', ']', isTuple: false);
        output.Append(')');
    }

    private sealed class ViewIterator(DictView view) : PyIterator
    {
        private int _next;

        public override string TypeName => "dict_itemiterator";

        public override bool Next(out Value item)
        {
            if (_next < view.Length)
            {
                item = view.ItemAt(_next++);
                return true;
            }

            item = default;
            return false;
        }
    }
}

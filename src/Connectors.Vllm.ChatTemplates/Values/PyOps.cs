namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Python's protocols: type names, truth, length, iteration, membership.</summary>
internal static class PyOps
{
    public static string TypeName(Value value) => value.Kind switch
    {
        ValueKind.Missing => "missing",
        ValueKind.String => value.Str.IsMarkup ? "Markup" : "str",
        _ => value.Object!.TypeName,
    };

    /// <summary>Gets the type name in jinja2's "has no attribute" messages: None, or the name followed by "object".</summary>
    public static string ObjectTypeName(Value value) => value.IsNone ? "None" : TypeName(value) + " object";

    public static void ThrowIfUndefined(Value value)
    {
        if (value.Object is Undefined undefined)
        {
            throw undefined.Error();
        }
    }

    public static bool IsTruthy(Value value) => value.Kind switch
    {
        ValueKind.Missing or ValueKind.None => false,
        ValueKind.Bool or ValueKind.Int => value.Number != 0,
        ValueKind.Float => value.Double != 0,
        ValueKind.String => value.Text.Length > 0,
        _ => value.Object!.IsTruthy,
    };

    public static int Length(RenderContext context, Value value)
    {
        if (value.IsString)
        {
            context.Spend(value.Text.Length >> 6);
            return Characters.Count(value.Text);
        }

        var length = value.Object is KindTag or null ? -1 : value.Object.Length;
        return length >= 0 ? length : throw new PyException($"object of type '{TypeName(value)}' has no len()");
    }

    public static PyIterator? TryIterate(Value value)
    {
        if (value.IsString)
        {
            return new TextIterator(value.Str);
        }

        return value.Object?.TryIterate();
    }

    public static PyIterator Iterate(Value value) =>
        TryIterate(value) ?? throw new PyException($"'{TypeName(value)}' object is not iterable");

    /// <summary>Gets all items of an iterable; the array may belong to the sequence and must not be modified.</summary>
    public static Value[] ToArray(RenderContext context, Value value)
    {
        if (value.Object is PySequence sequence)
        {
            return sequence.Items;
        }

        var items = new List<Value>();
        var iterator = Iterate(value);
        while (iterator.Next(out var item))
        {
            context.Spend(2);
            items.Add(item);
        }

        return [.. items];
    }

    /// <summary>The operator <c>in</c>.</summary>
    public static bool Contains(RenderContext context, Value container, Value item)
    {
        if (container.IsString)
        {
            if (item.IsString)
            {
                context.SpendText(container.Text.Length);
                return container.Text.Contains(item.Text, StringComparison.Ordinal);
            }

            throw new PyException($"'in <string>' requires string as left operand, not {TypeName(item)}");
        }

        if (container.Object is PyDict dict)
        {
            return dict.TryGet(context, item, out _);
        }

        if (container.Object is DictView view && view.TryContains(context, item, out var found))
        {
            return found;
        }

        var iterator = TryIterate(container) ?? throw new PyException($"argument of type '{TypeName(container)}' is not iterable");
        while (iterator.Next(out var candidate))
        {
            context.Spend(1);
            if (PyCompare.AreEqual(context, candidate, item))
            {
                return true;
            }
        }

        return false;
    }

    public static bool IsCallable(Value value) => value.Object?.IsCallable ?? false;

    private sealed class TextIterator(Str text) : PyIterator
    {
        private int _at;

        public override string TypeName => "str_iterator";

        public override bool Next(out Value item)
        {
            if (_at >= text.Length)
            {
                item = default;
                return false;
            }

            var units = Characters.UnitsAt(text.Text, _at);
            item = Value.Of(text.Slice(_at, units).AsMarkup(false));
            _at += units;
            return true;
        }
    }
}

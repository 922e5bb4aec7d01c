using Connectors.Vllm.ChatTemplates.Methods;
using Connectors.Vllm.ChatTemplates.Values;

namespace Connectors.Vllm.ChatTemplates.Filters;

/// <summary>Filters on sequences and mappings.</summary>
internal static class SequenceFilters
{
    public static Method[] All { get; } =
    [
        new("length", "", (context, value, _) => Value.Of(PyOps.Length(context, value))),
        new("count", "", (context, value, _) => Value.Of(PyOps.Length(context, value))),
        new("list", "", ToList),
        new("first", "", (_, value, _) => PyOps.Iterate(value).Next(out var item) ? item : Undefined.Because("No first item, sequence was empty.")),
        new("last", "", Last),
        new("reverse", "", Reverse),
        new("items", "", Items),
        new("dictsort", "case_sensitive? by? reverse?", DictSort),
        new("sort", "reverse? case_sensitive? attribute?", Sort),
        new("unique", "case_sensitive? attribute?", Unique),
        new("groupby", "attribute default? case_sensitive?", GroupBy),
        new("min", "case_sensitive? attribute?", (context, value, arguments) => Extreme(context, value, arguments, sign: -1)),
        new("max", "case_sensitive? attribute?", (context, value, arguments) => Extreme(context, value, arguments, sign: 1)),
        new("sum", "attribute? start?", Sum),
        new("batch", "linecount fill_with?", Batch),
        new("slice", "slices fill_with?", Slice),
        new("random", "", Random),
    ];

    private static Value ToList(RenderContext context, Value value, Value[] arguments)
    {
        var items = PyOps.ToArray(context, value);
        context.Spend(items.Length >> 2);
        return PySequence.List([.. items]);
    }

    private static Value Last(RenderContext context, Value value, Value[] arguments)
    {
        var items = Reversible(context, value) ?? throw new PyException($"'{PyOps.TypeName(value)}' object is not reversible");
        return items.Length > 0 ? items[^1] : Undefined.Because("No last item, sequence was empty.");
    }

    private static Value Reverse(RenderContext context, Value value, Value[] arguments)
    {
        if (value.TryGetStr(out var text))
        {
            return Value.Of(PyStrings.Slice(context, text, default, default, Value.Of(-1)));
        }

        if (Reversible(context, value) is { } items)
        {
            context.Spend(items.Length >> 2);
            return Value.Of(PyIterator.Over([.. items.Reverse()], items.Length));
        }

        return PySequence.List([.. PyOps.ToArray(context, value).Reverse()]);
    }

    /// <summary>Gets the items of a value that Python's <c>reversed</c> accepts; null for generators and other iterables.</summary>
    private static Value[]? Reversible(RenderContext context, Value value)
    {
        PyOps.ThrowIfUndefined(value.IsUndefined ? default : value);
        if (value.IsString || value.Object is PySequence or PyDict or DictView or RangeObject)
        {
            return PyOps.ToArray(context, value);
        }

        return value.IsUndefined ? [] : null;
    }

    private static Value Items(RenderContext context, Value value, Value[] arguments)
    {
        return value.IsUndefined ? Value.Of(PyIterator.Empty())
            : value.Object is PyDict dict ? Value.Of(new DictView(dict, DictViewKind.Items).TryIterate())
            : Value.Of(PyIterator.Over(Fail()));

        // The reference is a generator: it fails when it is iterated.
        static IEnumerable<Value> Fail()
        {
            yield return Throw();
        }

        static Value Throw() => throw new PyException("Can only get item pairs from a mapping.");
    }

    private static Value DictSort(RenderContext context, Value value, Value[] arguments)
    {
        var caseSensitive = PyOps.IsTruthy(Method.Argument(arguments, 0));
        var by = Method.Argument(arguments, 1) is { IsMissing: false } given ? PyPrint.ToStr(context, given).Text : "key";
        var at = by == "key" ? 0 : by == "value" ? 1 : throw new PyException("You can only sort by either \"key\" or \"value\"");
        if (value.Object is not PyDict dict)
        {
            PyOps.ThrowIfUndefined(value);
            throw new PyException($"'{PyOps.TypeName(value)}' object has no attribute 'items'");
        }

        var pairs = PyOps.ToArray(context, Value.Of(new DictView(dict, DictViewKind.Items)));
        return PySequence.List(Sorting.ByKey(
            context,
            pairs,
            pair => IgnoreCase(context, ((PySequence)pair.Object!).Items[at], caseSensitive),
            PyOps.IsTruthy(Method.Argument(arguments, 2))));
    }

    private static Value Sort(RenderContext context, Value value, Value[] arguments)
    {
        var caseSensitive = PyOps.IsTruthy(Method.Argument(arguments, 1));
        var paths = AttributePath.Several(Method.Argument(arguments, 2));
        return PySequence.List(Sorting.ByKey(
            context,
            PyOps.ToArray(context, value),
            item => PySequence.List(Array.ConvertAll(paths, path => IgnoreCase(context, path.Get(context, item), caseSensitive))),
            PyOps.IsTruthy(Method.Argument(arguments, 0))));
    }

    private static Value Unique(RenderContext context, Value value, Value[] arguments)
    {
        var caseSensitive = PyOps.IsTruthy(Method.Argument(arguments, 0));
        var path = AttributePath.Of(Method.Argument(arguments, 1));
        return Value.Of(PyIterator.Over(Enumerate()));

        IEnumerable<Value> Enumerate()
        {
            var seen = new HashSet<Value>(PyHash.Comparer);
            var items = PyOps.Iterate(value);
            while (items.Next(out var item))
            {
                context.Spend(1);
                var key = IgnoreCase(context, path.Get(context, item), caseSensitive);
                PyHash.RequireHashable(context, key);
                if (seen.Add(key))
                {
                    yield return item;
                }
            }
        }
    }

    private static Value GroupBy(RenderContext context, Value value, Value[] arguments)
    {
        var caseSensitive = PyOps.IsTruthy(Method.Argument(arguments, 2));
        var path = AttributePath.Of(arguments[0], Method.Argument(arguments, 1));
        var sorted = Sorting.ByKey(
            context, PyOps.ToArray(context, value), item => IgnoreCase(context, path.Get(context, item), caseSensitive), reverse: false);
        var groups = new List<Value>();
        for (var start = 0; start < sorted.Length;)
        {
            var key = IgnoreCase(context, path.Get(context, sorted[start]), caseSensitive);
            var end = start + 1;
            while (end < sorted.Length && PyCompare.AreEqual(context, key, IgnoreCase(context, path.Get(context, sorted[end]), caseSensitive)))
            {
                end++;
            }

            groups.Add(Value.Of(new GroupTuple(caseSensitive ? key : path.Get(context, sorted[start]), PySequence.List(sorted[start..end]))));
            start = end;
        }

        return PySequence.List([.. groups]);
    }

    private static Value Extreme(RenderContext context, Value value, Value[] arguments, int sign)
    {
        var caseSensitive = PyOps.IsTruthy(Method.Argument(arguments, 0));
        var path = AttributePath.Of(Method.Argument(arguments, 1));
        var items = PyOps.Iterate(value);
        if (!items.Next(out var best))
        {
            return Undefined.Because("No aggregated item, sequence was empty.");
        }

        var bestKey = IgnoreCase(context, path.Get(context, best), caseSensitive);
        while (items.Next(out var item))
        {
            context.Spend(1);
            var key = IgnoreCase(context, path.Get(context, item), caseSensitive);
            if (PyCompare.Compare(context, key, bestKey, sign > 0 ? ">" : "<") == sign)
            {
                (best, bestKey) = (item, key);
            }
        }

        return best;
    }

    private static Value Sum(RenderContext context, Value value, Value[] arguments)
    {
        var attribute = Method.Argument(arguments, 0);
        var path = attribute.IsMissing || attribute.IsNone ? null : AttributePath.Of(attribute);
        var sum = Method.Argument(arguments, 1) is { IsMissing: false } start ? start : Value.Of(0);
        if (sum.IsString)
        {
            throw new PyException("sum() can't sum strings [use ''.join(seq) instead]");
        }

        var items = PyOps.Iterate(value);
        while (items.Next(out var item))
        {
            context.Spend(1);
            sum = PyArithmetic.Add(context, sum, path is null ? item : path.Get(context, item));
        }

        return sum;
    }

    private static Value Batch(RenderContext context, Value value, Value[] arguments)
    {
        var fill = Method.Argument(arguments, 1);
        return Value.Of(PyIterator.Over(Enumerate()));

        IEnumerable<Value> Enumerate()
        {
            var size = PyCompare.IsNumber(arguments[0].Kind) ? (arguments[0].IsFloat ? arguments[0].Double : PyNumber.ToIndex(arguments[0])) : -1;
            var batch = new List<Value>();
            var items = PyOps.Iterate(value);
            while (items.Next(out var item))
            {
                context.Spend(1);
                if (batch.Count == size)
                {
                    context.Spend(10);
                    yield return PySequence.List([.. batch]);
                    batch.Clear();
                }

                batch.Add(item);
            }

            if (batch.Count > 0)
            {
                if (!fill.IsMissing && !fill.IsNone)
                {
                    for (var missing = PyNumber.ToIndex(arguments[0]) - batch.Count; missing > 0; missing--)
                    {
                        context.Spend(3);
                        batch.Add(fill);
                    }
                }

                yield return PySequence.List([.. batch]);
            }
        }
    }

    private static Value Slice(RenderContext context, Value value, Value[] arguments)
    {
        var fill = Method.Argument(arguments, 1);
        return Value.Of(PyIterator.Over(Enumerate()));

        IEnumerable<Value> Enumerate()
        {
            var items = PyOps.ToArray(context, value);
            var slices = PyNumber.ToIndex(arguments[0]);
            if (slices == 0)
            {
                throw new PyException("integer division or modulo by zero");
            }

            var (each, extra) = (items.Length / slices, items.Length % slices);
            for (int i = 0, at = 0; i < slices; i++)
            {
                var count = each + (i < extra ? 1 : 0);
                context.Spend(10 + (count >> 2));
                var slice = items[at..(at + count)];
                yield return PySequence.List(!fill.IsMissing && !fill.IsNone && i >= extra ? [.. slice, fill] : slice);
                at += count;
            }
        }
    }

    private static Value Random(RenderContext context, Value value, Value[] arguments)
    {
        if (!value.IsString && value.Object is not (PySequence or RangeObject or Undefined))
        {
            throw new PyException($"'{PyOps.TypeName(value)}' object is not subscriptable");
        }

        var items = PyOps.ToArray(context, value);
        return items.Length > 0 ? items[context.Random.Next(items.Length)] : Undefined.Because("No random item, sequence was empty.");
    }

    private static Value IgnoreCase(RenderContext context, Value value, bool caseSensitive)
    {
        if (caseSensitive || !value.TryGetStr(out var text))
        {
            return value;
        }

        context.SpendText(text.Length);
        return Value.Of(PyStrings.Lower(text));
    }
}

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>A stable sort with a comparison that may raise an error, as Python's <c>sorted</c> is.</summary>
internal static class Sorting
{
    public static T[] StableSort<T>(T[] items, Comparison<T> compare, bool reverse = false)
    {
        var source = (T[])items.Clone();
        var target = new T[items.Length];
        for (var width = 1; width < source.Length; width *= 2)
        {
            for (var start = 0; start < source.Length; start += 2 * width)
            {
                Merge(source, target, start, Math.Min(start + width, source.Length), Math.Min(start + (2 * width), source.Length), compare, reverse);
            }

            (source, target) = (target, source);
        }

        return source;
    }

    /// <summary>Sorts values by keys.</summary>
    public static Value[] ByKey(RenderContext context, Value[] items, Func<Value, Value> key, bool reverse)
    {
        var keyed = new (Value Key, Value Item)[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            context.Spend(4);
            keyed[i] = (key(items[i]), items[i]);
        }

        var sorted = StableSort(
            keyed,
            (x, y) =>
            {
                context.Spend(4);
                var order = PyCompare.Compare(context, x.Key, y.Key, "<");
                return order == 2 ? 0 : order;
            },
            reverse);
        return Array.ConvertAll(sorted, pair => pair.Item);
    }

    private static void Merge<T>(T[] source, T[] target, int start, int middle, int end, Comparison<T> compare, bool reverse)
    {
        var (left, right) = (start, middle);
        for (var at = start; at < end; at++)
        {
            if (left < middle && (right >= end || (reverse ? compare(source[right], source[left]) <= 0 : compare(source[right], source[left]) >= 0)))
            {
                target[at] = source[left++];
            }
            else
            {
                target[at] = source[right++];
            }
        }
    }
}

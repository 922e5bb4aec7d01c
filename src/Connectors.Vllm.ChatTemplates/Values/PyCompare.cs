using System.Numerics;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates.Values;

/// <summary>Python's <c>==</c> and <c>&lt;</c>.</summary>
internal static class PyCompare
{
    /// <param name="context">The context that counts the work, which shared parts can make exponential in the size of the template; null if it has
    /// already been counted.</param>
    /// <param name="left">A value.</param>
    /// <param name="right">The value to compare it with.</param>
    public static bool AreEqual(RenderContext? context, Value left, Value right)
    {
        var kind = left.Kind;
        if (kind == ValueKind.String)
        {
            if (!right.IsString || left.Text.Length != right.Text.Length)
            {
                return false;
            }

            context?.Spend(left.Text.Length >> 5);
            return string.Equals(left.Text, right.Text, StringComparison.Ordinal);
        }

        if (IsNumber(kind))
        {
            return IsNumber(right.Kind) && CompareNumbers(left, right) == 0;
        }

        if (kind != right.Kind)
        {
            return false;
        }

        switch (kind)
        {
            case ValueKind.List:
            case ValueKind.Tuple:
                return AreEqual(context, ((PySequence)left.Object!).Items, ((PySequence)right.Object!).Items);
            case ValueKind.Dict:
                return AreEqual(context, (PyDict)left.Object!, (PyDict)right.Object!);
            case ValueKind.Undefined:
            case ValueKind.None:
                return true;
            case ValueKind.Object:
                return left.Object is RangeObject ranges && right.Object is RangeObject others ? ranges.SameItems(others)
                    : left.Object is DictView view && right.Object is DictView otherView ? view.SameItems(context, otherView)
                    : ReferenceEquals(left.Object, right.Object);
            default:
                return false;
        }
    }

    /// <summary>Evaluates a comparison operator by its symbol, including membership.</summary>
    public static bool Holds(RenderContext context, string symbol, Value left, Value right)
    {
        switch (symbol)
        {
            case "==":
                context.Spend(1);
                return AreEqual(context, left, right);
            case "!=":
                context.Spend(1);
                return !AreEqual(context, left, right);
            case "in":
                return PyOps.Contains(context, right, left);
            case "not in":
                return !PyOps.Contains(context, right, left);
            default:
                var order = Compare(context, left, right, symbol);
                return symbol switch
                {
                    "<" => order == -1,
                    "<=" => order is -1 or 0,
                    ">" => order == 1,
                    _ => order is 0 or 1,
                };
        }
    }

    /// <summary>Returns -1, 0 or 1, or 2 if a NaN is involved. Raises TypeError for values without an order.</summary>
    public static int Compare(RenderContext context, Value left, Value right, string symbol)
    {
        if (left.IsString && right.IsString)
        {
            context.Spend(Math.Min(left.Text.Length, right.Text.Length) >> 5);
            return Math.Sign(CodePointComparer.Instance.Compare(left.Text, right.Text));
        }

        var (kind, other) = (left.Kind, right.Kind);
        if (IsNumber(kind) && IsNumber(other))
        {
            return CompareNumbers(left, right);
        }

        if (kind == other && kind is ValueKind.List or ValueKind.Tuple && kind == other)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            var (x, y) = (((PySequence)left.Object!).Items, ((PySequence)right.Object!).Items);
            for (var i = 0; i < Math.Min(x.Length, y.Length); i++)
            {
                context.Spend(1);
                if (!AreEqual(context, x[i], y[i]))
                {
                    return Compare(context, x[i], y[i], symbol);
                }
            }

            return x.Length.CompareTo(y.Length);
        }

        PyOps.ThrowIfUndefined(left);
        PyOps.ThrowIfUndefined(right);
        throw new PyException($"'{symbol}' not supported between instances of '{PyOps.TypeName(left)}' and '{PyOps.TypeName(right)}'");
    }

    public static bool IsNumber(ValueKind kind) => kind is ValueKind.Int or ValueKind.Float or ValueKind.Bool or ValueKind.BigInt;

    private static bool AreEqual(RenderContext? context, Value[] left, Value[] right)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (left.Length != right.Length)
        {
            return false;
        }

        for (var i = 0; i < left.Length; i++)
        {
            context?.Spend(1);
            if (!AreEqual(context, left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool AreEqual(RenderContext? context, PyDict left, PyDict right)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (left.Length != right.Length)
        {
            return false;
        }

        for (var i = 0; i < left.Length; i++)
        {
            context?.Spend(2);
            if (!right.TryGet(context, left.Keys[i], out var other) || !AreEqual(context, left.Values[i], other))
            {
                return false;
            }
        }

        return true;
    }

    private static int CompareNumbers(Value left, Value right)
    {
        if (left.Kind is ValueKind.Int or ValueKind.Bool && right.Kind is ValueKind.Int or ValueKind.Bool)
        {
            return left.Number.CompareTo(right.Number);
        }

        if (left.IsFloat && right.IsFloat)
        {
            return CompareDoubles(left.Double, right.Double);
        }

        if (left.IsFloat || right.IsFloat)
        {
            var (number, whole, sign) = left.IsFloat
                ? (left.Double, PyNumber.ToBigInteger(right), 1)
                : (right.Double, PyNumber.ToBigInteger(left), -1);
            if (double.IsNaN(number))
            {
                return 2;
            }

            if (double.IsInfinity(number))
            {
                return number > 0 ? sign : -sign;
            }

            var floor = Math.Floor(number);
            var order = new BigInteger(floor).CompareTo(whole);
            return sign * (order != 0 ? Math.Sign(order) : number > floor ? 1 : 0);
        }

        return Math.Sign(PyNumber.ToBigInteger(left).CompareTo(PyNumber.ToBigInteger(right)));
    }

    private static int CompareDoubles(double left, double right) =>
        left < right ? -1 : left > right ? 1 : left == right ? 0 : 2;
}

/// <summary>Orders strings by code point, like Python and UTF-8; the order of UTF-16 puts U+E000–U+FFFF after the supplementary planes.</summary>
internal sealed class CodePointComparer : IComparer<string>
{
    public static CodePointComparer Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
        {
            return string.CompareOrdinal(x, y);
        }

        var shared = x.AsSpan().CommonPrefixLength(y);
        if (shared == x.Length || shared == y.Length)
        {
            return x.Length - y.Length;
        }

        var (left, right) = (x[shared], y[shared]);
        return char.IsSurrogate(left) == char.IsSurrogate(right) ? left - right : char.IsSurrogate(left) ? 1 : -1;
    }
}

/// <summary>Python's hash rules: equal values hash equally (1, 1.0 and True are one key), lists and dicts cannot be keys.</summary>
internal static class PyHash
{
    public static IEqualityComparer<Value> Comparer { get; } = new KeyComparer();

    /// <summary>Refuses values that cannot be keys, and counts the work of hashing and comparing those that can.</summary>
    public static void RequireHashable(RenderContext context, Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.String:
                context.Spend(value.Text.Length >> 3);
                break;
            case ValueKind.List:
            case ValueKind.Dict:
                throw new PyException($"unhashable type: '{PyOps.TypeName(value)}'");
            case ValueKind.Tuple:
                RuntimeHelpers.EnsureSufficientExecutionStack();
                foreach (var item in ((PySequence)value.Object!).Items)
                {
                    context.Spend(1);
                    RequireHashable(context, item);
                }

                break;
        }
    }

    public static int Of(Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.String:
                return string.GetHashCode(value.Text);
            case ValueKind.Bool:
            case ValueKind.Int:
                return HashOf(value.Number);
            case ValueKind.BigInt:
                return ((BigInt)value.Object!).Number.GetHashCode();
            case ValueKind.Float:
                var number = value.Double;
                return Math.Floor(number) == number && Math.Abs(number) < 1e300
                    ? number is >= long.MinValue and < 9.2e18 ? HashOf((long)number) : new BigInteger(number).GetHashCode()
                    : number.GetHashCode();
            case ValueKind.Tuple:
                RuntimeHelpers.EnsureSufficientExecutionStack();
                var hash = default(HashCode);
                foreach (var item in ((PySequence)value.Object!).Items)
                {
                    hash.Add(Of(item));
                }

                return hash.ToHashCode();
            case ValueKind.Undefined:
                return 1;
            case ValueKind.List:
            case ValueKind.Dict:
                throw new PyException($"unhashable type: '{PyOps.TypeName(value)}'");
            default:
                return value.Object is { } reference ? RuntimeHelpers.GetHashCode(reference) : 0;
        }
    }

    // Not the hash code of the number itself, with which a template could create thousands of colliding keys.
    private static int HashOf(long number) => HashCode.Combine(number);

    private sealed class KeyComparer : IEqualityComparer<Value>
    {
        // The work was counted in RequireHashable before the lookup.
        public bool Equals(Value x, Value y) => PyCompare.AreEqual(null, x, y);

        public int GetHashCode(Value obj) => Of(obj);
    }
}

/// <summary>A stable sort with a comparison that may raise an error, like Python's <c>sorted</c>.</summary>
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

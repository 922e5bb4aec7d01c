using System.Numerics;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates.Values;

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

    // Not the number's own hash: with that, a template could make thousands of keys that collide.
    private static int HashOf(long number) => HashCode.Combine(number);

    private sealed class KeyComparer : IEqualityComparer<Value>
    {
        // Whoever looks a key up has paid for it in RequireHashable.
        public bool Equals(Value x, Value y) => PyCompare.AreEqual(null, x, y);

        public int GetHashCode(Value obj) => Of(obj);
    }
}

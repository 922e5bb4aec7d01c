using System.Numerics;
using System.Runtime.CompilerServices;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>Python's hash rules: equal values hash equally (1, 1.0 and True are one key), lists and dicts cannot be keys.</summary>
internal static class PyHash
{
    public static IEqualityComparer<Value> Comparer { get; } = new KeyComparer();

    public static void RequireHashable(Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.List:
            case ValueKind.Dict:
                throw new PyException($"unhashable type: '{PyOps.TypeName(value)}'");
            case ValueKind.Tuple:
                RuntimeHelpers.EnsureSufficientExecutionStack();
                foreach (var item in ((PySequence)value.Object!).Items)
                {
                    RequireHashable(item);
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
                return value.Number.GetHashCode();
            case ValueKind.BigInt:
                return ((BigInt)value.Object!).Number.GetHashCode();
            case ValueKind.Float:
                var number = value.Double;
                return Math.Floor(number) == number && Math.Abs(number) < 1e300
                    ? number is >= long.MinValue and < 9.2e18 ? ((long)number).GetHashCode() : new BigInteger(number).GetHashCode()
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

    private sealed class KeyComparer : IEqualityComparer<Value>
    {
        public bool Equals(Value x, Value y) => PyCompare.AreEqual(x, y);

        public int GetHashCode(Value obj) => Of(obj);
    }
}

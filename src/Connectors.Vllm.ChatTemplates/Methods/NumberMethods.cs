namespace Connectors.Vllm.ChatTemplates;

/// <summary>The methods of int and float.</summary>
internal static class NumberMethods
{
    private static readonly Method BitLength = new("bit_length", "/", (_, self, _) => Value.Of(System.Numerics.BigInteger.Abs(PyNumber.ToBigInteger(self)) is { IsZero: false } n ? (long)n.GetBitLength() : 0));
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

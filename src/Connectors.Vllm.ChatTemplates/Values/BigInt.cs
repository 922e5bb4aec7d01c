using System.Numerics;

namespace Connectors.Vllm.ChatTemplates;

/// <summary>An integer beyond 64 bits.</summary>
internal sealed class BigInt(BigInteger number) : PyObject
{
    /// <summary>Most bits of an integer; far beyond what any prompt needs, small enough that arithmetic stays quick.</summary>
    public const long MaxBits = 1 << 16;

    public BigInteger Number { get; } = number;

    public override ValueKind Kind => ValueKind.BigInt;

    public override string TypeName => "int";
}

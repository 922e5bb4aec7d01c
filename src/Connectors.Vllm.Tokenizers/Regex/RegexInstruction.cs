namespace Connectors.Vllm.Tokenizers;

/// <summary>One instruction; which fields count is told by <see cref="RegexOp"/>.</summary>
internal readonly struct RegexInstruction(RegexOp op, CodePointSet? set = null, int target = 0, int min = 0, int max = 0, byte[]? literal = null, int[]? jumps = null)
{
    public RegexOp Op { get; } = op;

    public int Target { get; } = target;

    public int Min { get; } = min;

    /// <summary>-1 means without bound.</summary>
    public int Max { get; } = max;

    public CodePointSet? Set { get; } = set;

    public byte[]? Literal { get; } = literal;

    public int[]? Jumps { get; } = jumps;
}

using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>A parsed pattern. Immutable.</summary>
internal abstract record RegexNode
{
    /// <summary>The code points with which a match of this node can begin; incomplete if <see cref="IsNullable"/>.</summary>
    public abstract CodePointSet First { get; }

    /// <summary>Whether the node can match the empty text.</summary>
    public abstract bool IsNullable { get; }

    /// <summary>The length of the shortest match in code points.</summary>
    public abstract int MinLength { get; }

    /// <summary>The length of the longest match in code points, or -1 for no limit.</summary>
    public abstract int MaxLength { get; }

    /// <summary>One code point out of a set.</summary>
    public sealed record One(CodePointSet Set) : RegexNode
    {
        /// <summary>The letter of a case-insensitive match; otherwise -1.</summary>
        public int CaselessLetter { get; init; } = -1;

        public override CodePointSet First => Set;

        public override bool IsNullable => false;

        public override int MinLength => 1;

        public override int MaxLength => 1;
    }

    /// <summary>A position between code points: an anchor or a word boundary.</summary>
    public sealed record Anchor(RegexOp Kind) : RegexNode
    {
        public override CodePointSet First => CodePointSet.Empty;

        public override bool IsNullable => true;

        public override int MinLength => 0;

        public override int MaxLength => 0;
    }

    /// <summary>A sequence of parts; the empty pattern if there are none.</summary>
    public sealed record Sequence(IReadOnlyList<RegexNode> Parts) : RegexNode
    {
        public override CodePointSet First { get; } = MakeFirst(Parts);

        public override bool IsNullable { get; } = Parts.All(part => part.IsNullable);

        public override int MinLength { get; } = Parts.Aggregate(0, (sum, part) => Limit(sum + (long)part.MinLength));

        public override int MaxLength { get; } =
            Parts.Any(part => part.MaxLength < 0) ? -1 : Parts.Aggregate(0, (sum, part) => Limit(sum + (long)part.MaxLength));

        private static CodePointSet MakeFirst(IReadOnlyList<RegexNode> parts)
        {
            var first = CodePointSet.Empty;
            foreach (var part in parts)
            {
                first = first.Union(part.First);
                if (!part.IsNullable)
                {
                    break;
                }
            }

            return first;
        }
    }

    /// <summary>Alternatives, tried in order.</summary>
    public sealed record Choice(IReadOnlyList<RegexNode> Branches) : RegexNode
    {
        public override CodePointSet First { get; } = Branches.Aggregate(CodePointSet.Empty, (set, branch) => set.Union(branch.First));

        public override bool IsNullable { get; } = Branches.Any(branch => branch.IsNullable);

        public override int MinLength { get; } = Branches.Min(branch => branch.MinLength);

        public override int MaxLength { get; } = Branches.Any(branch => branch.MaxLength < 0) ? -1 : Branches.Max(branch => branch.MaxLength);
    }

    /// <summary>A repetition; <paramref name="Max"/> is -1 for no limit.</summary>
    public sealed record Repeat(RegexNode Body, int Min, int Max, bool Lazy) : RegexNode
    {
        public override CodePointSet First => Body.First;

        public override bool IsNullable { get; } = Min == 0 || Body.IsNullable;

        public override int MinLength { get; } = Limit((long)Body.MinLength * Min);

        public override int MaxLength { get; } = Body.MaxLength == 0 ? 0 : Body.MaxLength < 0 || Max < 0 ? -1 : Limit((long)Body.MaxLength * Max);
    }

    /// <summary>A part without backtracking into it: <c>(?&gt;…)</c> and possessive quantifiers.</summary>
    public sealed record Atomic(RegexNode Body) : RegexNode
    {
        public override CodePointSet First => Body.First;

        public override bool IsNullable => Body.IsNullable;

        public override int MinLength => Body.MinLength;

        public override int MaxLength => Body.MaxLength;
    }

    /// <summary>Look-ahead or look-behind.</summary>
    public sealed record Look(RegexNode Body, bool Behind, bool Negative) : RegexNode
    {
        public override CodePointSet First => CodePointSet.Empty;

        public override bool IsNullable => true;

        public override int MinLength => 0;

        public override int MaxLength => 0;
    }

    private static int Limit(long length) => (int)Math.Min(length, int.MaxValue / 2);
}

/// <summary>Options that <c>(?imx)</c> switches.</summary>
[Flags]
internal enum RegexFlags
{
    None = 0,

    /// <summary><c>i</c>: letters match their other cases.</summary>
    IgnoreCase = 1,

    /// <summary><c>m</c>: the dot matches line breaks too.</summary>
    DotMatchesAll = 2,

    /// <summary><c>x</c>: white space and comments in the pattern are ignored.</summary>
    Extended = 4,
}

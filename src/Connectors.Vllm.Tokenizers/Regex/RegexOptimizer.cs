namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Makes greedy loops possessive where giving back could never help: when what follows cannot fail, or cannot begin with a character
/// the loop takes. Matches stay the same; the matcher has nothing to remember for such a loop.
/// </summary>
internal static class RegexOptimizer
{
    /// <summary>Rewrites a whole pattern, behind which nothing can fail.</summary>
    public static RegexNode Optimize(RegexNode root) => Rewrite(root, Follow.Nothing);

    private static RegexNode Rewrite(RegexNode node, Follow follow)
    {
        switch (node)
        {
            case RegexNode.Repeat { Body: RegexNode.One one, Lazy: false } loop:
                return follow.NeverFails || (!follow.CanBeEmpty && !one.Set.Overlaps(follow.First)) ? new RegexNode.Atomic(loop) : loop;
            case RegexNode.Repeat loop:
                var again = new Follow(loop.Body.First.Union(follow.First), follow.CanBeEmpty, follow.NeverFails && loop.Min <= 1);
                return loop with { Body = Rewrite(loop.Body, again) };
            case RegexNode.Sequence sequence:
                var parts = new RegexNode[sequence.Parts.Count];
                for (var i = parts.Length - 1; i >= 0; i--)
                {
                    parts[i] = Rewrite(sequence.Parts[i], follow);
                    follow = Before(sequence.Parts[i], follow);
                }

                return new RegexNode.Sequence(parts);
            case RegexNode.Choice choice:
                return new RegexNode.Choice([.. choice.Branches.Select(branch => Rewrite(branch, follow))]);
            case RegexNode.Atomic { Body: RegexNode.Repeat { Body: RegexNode.One } }:
                return node;
            case RegexNode.Atomic atomic:
                return new RegexNode.Atomic(Rewrite(atomic.Body, Follow.Nothing));
            case RegexNode.Look { Behind: false } look:
                return look with { Body = Rewrite(look.Body, Follow.Nothing) };
            default:
                return node;
        }
    }

    /// <summary>What follows something that stands before <paramref name="node"/>.</summary>
    private static Follow Before(RegexNode node, Follow follow) => new(
        node.IsNullable ? node.First.Union(follow.First) : node.First,
        node.IsNullable && follow.CanBeEmpty,
        follow.NeverFails && CannotFail(node));

    private static bool CannotFail(RegexNode node) => node switch
    {
        RegexNode.Repeat { Min: 0 } => true,
        RegexNode.Repeat repeat => CannotFail(repeat.Body),
        RegexNode.Atomic atomic => CannotFail(atomic.Body),
        RegexNode.Sequence sequence => sequence.Parts.All(CannotFail),
        RegexNode.Choice choice => choice.Branches.Any(CannotFail),
        _ => false,
    };

    /// <param name="First">Characters it can begin with.</param>
    /// <param name="CanBeEmpty">It can match nothing at all, so anything may come next.</param>
    /// <param name="NeverFails">It matches wherever it is tried.</param>
    private readonly record struct Follow(CodePointSet First, bool CanBeEmpty, bool NeverFails)
    {
        public static Follow Nothing => new(CodePointSet.Empty, CanBeEmpty: true, NeverFails: true);
    }
}

using Connectors.Vllm.Tokenizers.Unicode;

namespace Connectors.Vllm.Tokenizers.RegularExpressions;

/// <summary>
/// Makes greedy loops possessive where backtracking cannot help: if the continuation cannot fail, or cannot begin with a character of the loop. The
/// matches are the same, and the matcher needs no backtracking points for such a loop.
/// </summary>
internal static class RegexOptimizer
{
    /// <summary>Optimizes a whole pattern.</summary>
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

    /// <summary>Gets the continuation of a node before <paramref name="node"/>.</summary>
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

    /// <param name="First">The characters with which it can begin.</param>
    /// <param name="CanBeEmpty">Whether it can match the empty text, so that any character may follow.</param>
    /// <param name="NeverFails">Whether it always matches.</param>
    private readonly record struct Follow(CodePointSet First, bool CanBeEmpty, bool NeverFails)
    {
        public static Follow Nothing => new(CodePointSet.Empty, CanBeEmpty: true, NeverFails: true);
    }
}

/// <summary>
/// Case-insensitive letters that fold to several letters: <c>(?i:ss)</c> matches ß, and <c>(?i:ß)</c> matches SS, as in the reference's engine. It
/// folds a literal from left to right, longest first, so sß does not match <c>(?i:sss)</c> but ßs does.
/// </summary>
internal static class CaselessLiterals
{
    /// <summary>One letter of a pattern.</summary>
    public static RegexNode Make(int codePoint)
    {
        var expansion = CaseFolding.Expand(codePoint);
        return expansion.IsEmpty
            ? new RegexNode.One(CaseFolding.Close(CodePointSet.Of(codePoint))) { CaselessLetter = codePoint }
            : Either(expansion, CaseFolding.Contract(expansion)!);
    }

    /// <summary>Creates a class whose members that fold to several letters match those as well.</summary>
    public static RegexNode MakeClass(CodePointSet set)
    {
        var branches = new List<RegexNode>();
        foreach (var codePoint in CaseFolding.Expandable)
        {
            if (set.Contains(codePoint))
            {
                branches.Add(Sequence(CaseFolding.Expand(codePoint)));
            }
        }

        // A class with many such members is a range over scripts, not a list of letters.
        return branches.Count is 0 or > 16 ? new RegexNode.One(set) : new RegexNode.Choice([new RegexNode.One(set), .. branches]);
    }

    /// <summary>Lets adjacent letters match the single code point that folds to them.</summary>
    public static void Contract(List<RegexNode> parts)
    {
        Span<int> letters = stackalloc int[3];
        for (var i = 0; i + 1 < parts.Count; i++)
        {
            for (var length = Math.Min(3, parts.Count - i); length > 1; length--)
            {
                var known = 0;
                while (known < length && parts[i + known] is RegexNode.One { CaselessLetter: >= 0 and var letter })
                {
                    letters[known++] = letter;
                }

                if (known == length && CaseFolding.Contract(letters[..length]) is { } contracted)
                {
                    parts[i] = Either(letters[..length], contracted);
                    parts.RemoveRange(i + 1, length - 1);
                    break;
                }
            }
        }
    }

    private static RegexNode.Choice Either(ReadOnlySpan<int> letters, CodePointSet contracted) =>
        new([Sequence(letters), new RegexNode.One(contracted)]);

    private static RegexNode.Sequence Sequence(ReadOnlySpan<int> letters)
    {
        var parts = new List<RegexNode>();
        foreach (var letter in letters)
        {
            parts.Add(new RegexNode.One(CaseFolding.Close(CodePointSet.Of(letter))));
        }

        return new RegexNode.Sequence(parts);
    }
}

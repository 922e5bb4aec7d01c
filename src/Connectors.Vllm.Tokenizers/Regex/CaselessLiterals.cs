namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Letters whose case is ignored and that fold to several: <c>(?i:ss)</c> matches ß, and <c>(?i:ß)</c> matches SS, as in the
/// reference's engine. It folds a literal from left to right, longest first, so sß does not match <c>(?i:sss)</c> but ßs does.
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

    /// <summary>A class; its members that fold to several match those too.</summary>
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

        // A class with very many such members is a range over whole scripts, not a list of letters.
        return branches.Count is 0 or > 16 ? new RegexNode.One(set) : new RegexNode.Choice([new RegexNode.One(set), .. branches]);
    }

    /// <summary>Lets letters that stand side by side match the one code point that folds to them.</summary>
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

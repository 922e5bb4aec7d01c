namespace Connectors.Vllm.Tokenizers.Unicode;

/// <summary>
/// Case folding, Unicode 16. Unlike the runtime's it knows that U+017F (long s) is an s and U+212A (kelvin) a k, which
/// decides how contractions such as <c>'ſ</c> are cut.
/// </summary>
internal static class CaseFolding
{
    private static readonly Dictionary<int, int[]> Groups = MakeGroups();
    private static readonly CodePointMapping LongFolds = CodePointMapping.Read(UnicodeData.LongFolds);
    private static readonly Dictionary<(int First, int Second, int Third), CodePointSet> Contractions = MakeContractions();

    /// <summary>The set with all code points that equal one of its members when case is ignored.</summary>
    public static CodePointSet Close(CodePointSet set)
    {
        var added = new List<(int, int)>();
        foreach (var (codePoint, group) in Groups)
        {
            if (set.Contains(codePoint))
            {
                added.AddRange(group.Select(other => (other, other)));
            }
        }

        return added.Count == 0 ? set : set.Union(CodePointSet.FromRanges(added));
    }

    /// <summary>The code points that fold to several.</summary>
    public static ReadOnlySpan<int> Expandable => LongFolds.Keys;

    /// <summary>What one code point becomes when it folds to several (ß to ss); empty for all others.</summary>
    public static ReadOnlySpan<int> Expand(int codePoint) => LongFolds[codePoint];

    /// <summary>The code points that fold to the same text as these two or three do; null when there are none.</summary>
    public static CodePointSet? Contract(ReadOnlySpan<int> codePoints) => Contractions.GetValueOrDefault(Key(codePoints));

    private static Dictionary<(int First, int Second, int Third), CodePointSet> MakeContractions()
    {
        var contractions = new Dictionary<(int, int, int), CodePointSet>();
        foreach (var codePoint in LongFolds.Keys)
        {
            var key = Key(LongFolds[codePoint]);
            contractions[key] = contractions.GetValueOrDefault(key, CodePointSet.Empty).Union(CodePointSet.Of(codePoint));
        }

        return contractions;
    }

    private static (int First, int Second, int Third) Key(ReadOnlySpan<int> codePoints) =>
        (Leader(codePoints[0]), Leader(codePoints[1]), codePoints.Length > 2 ? Leader(codePoints[2]) : 0);

    private static int Leader(int codePoint) => Groups.TryGetValue(codePoint, out var group) ? group[0] : codePoint;

    private static Dictionary<int, int[]> MakeGroups()
    {
        var byLeader = new Dictionary<int, List<int>>();
        var folds = CodePointMapping.Read(UnicodeData.Folds);
        foreach (var codePoint in folds.Keys)
        {
            var leader = folds[codePoint][0];
            if (!byLeader.TryGetValue(leader, out var members))
            {
                byLeader.Add(leader, members = [leader]);
            }

            members.Add(codePoint);
        }

        var groups = new Dictionary<int, int[]>();
        foreach (var members in byLeader.Values)
        {
            int[] group = [.. members];
            foreach (var member in group)
            {
                groups.Add(member, group);
            }
        }

        return groups;
    }
}

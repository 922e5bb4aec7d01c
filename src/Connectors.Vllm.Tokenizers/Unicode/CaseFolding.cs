namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Simple case folding, Unicode 16. Unlike the runtime's it knows that U+017F (long s) is an s and U+212A (kelvin) a k, which
/// decides how contractions such as <c>'ſ</c> are cut.
/// </summary>
internal static class CaseFolding
{
    private static readonly Dictionary<int, int[]> Groups = MakeGroups();

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

using static Connectors.Vllm.OutputParsing.Constraints.ConstraintNode;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>The members of an object with a separator between them, of which some may be missing.</summary>
internal static class MemberList
{
    // Where every member may be missing, each can be the first: the text grows with the square of their number.
    private const int MaxPairs = 36;

    /// <summary>
    /// The members in the order given. Where all may be missing and they are many, any of them in any order; only the parser sees then that each
    /// counts once.
    /// </summary>
    public static ConstraintNode InOrder(IReadOnlyList<(ConstraintNode Member, bool IsRequired)> members, ConstraintNode separator)
    {
        var first = members.Index().FirstOrDefault(member => member.Item.IsRequired, (-1, default)).Index;
        if (first >= 0)
        {
            return Sequence([
                .. members.Take(first).Select(member => Optional(Sequence(member.Member, separator))), members[first].Member,
                    .. members.Skip(first + 1).Select(More)]);
        }

        if (members.Count * (members.Count + 1) / 2 > MaxPairs)
        {
            return InAnyOrder([], [.. members.Select(member => member.Member)], separator);
        }

        return members.Count == 0 ? Nothing
            : Optional(Choice([.. members.Select((member, i) => Sequence([member.Member, .. members.Skip(i + 1).Select(More)]))]));

        ConstraintNode More((ConstraintNode Member, bool IsRequired) member)
        {
            var next = Sequence(separator, member.Member);
            return member.IsRequired ? next : Optional(next);
        }
    }

    /// <summary>The required members in their order, with the others anywhere between them.</summary>
    public static ConstraintNode InAnyOrder(IReadOnlyList<ConstraintNode> required, IReadOnlyList<ConstraintNode> optional, ConstraintNode separator)
    {
        var elements = new List<ConstraintNode>();
        var one = optional.Count == 0 ? null : Choice([.. optional]);

        // The separator belongs to each alternative: a lexer that reads the longest match must not find it alone where it may also begin a required
        // member.
        var more = one is null ? Nothing : Star(Choice([.. optional.Select(member => Sequence(separator, member))]));
        if (required.Count == 0)
        {
            return one is null ? Nothing : Optional(Sequence(one, more));
        }

        var everywhere = (required.Count + 1) * optional.Count <= 4 * MaxPairs;
        for (var i = 0; i < required.Count; i++)
        {
            elements.AddRange(i > 0 ? [separator] : one is not null && everywhere ? [Star(Sequence(one, separator))] : []);
            elements.Add(required[i]);
            elements.AddRange(everywhere || i == required.Count - 1 ? [more] : []);
        }

        return Sequence([.. elements]);
    }
}

using static Connectors.Vllm.OutputParsing.Constraints.ConstraintNode;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>The free thought before what a constraint asks for.</summary>
internal static class ThoughtGrammar
{
    /// <summary>The thought; null where none can come.</summary>
    public static ConstraintNode? Build(ConstraintFormat format, OutputConstraintRequest request)
    {
        if (format.ThoughtCloses.Count == 0)
        {
            return null;
        }

        var inside = request.InsideThought ?? (request.PromptTail is null ? null : format.BeginsInThought(request.PromptTail));
        if (inside == false || (inside is null && request.Thinking == false))
        {
            return null;
        }

        // The prompt has opened the thought, or the model may open it itself.
        return inside == true ? Block("", format) : Optional(Choice([.. Opens(format.ThoughtOpens).Select(open => Block(open, format))]));
    }

    private static ConstraintNode Block(string open, ConstraintFormat format) =>
        Sequence(open, UpTo([.. format.ThoughtCloses]), format.TextAfterThought);

    /// <summary>The opening markers; of two that begin alike, the shorter one.</summary>
    private static IEnumerable<string> Opens(IReadOnlyList<string> opens) =>
        opens.Where(open => !opens.Any(other => other.Length < open.Length && open.StartsWith(other, StringComparison.Ordinal)));
}

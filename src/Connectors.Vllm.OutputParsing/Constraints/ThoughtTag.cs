using System.Text.Json.Nodes;
using Connectors.Vllm.OutputParsing.Machines;
using static Connectors.Vllm.OutputParsing.Constraints.TagElements;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>The free thought before what a constraint asks for.</summary>
internal static class ThoughtTag
{
    /// <summary>The thought's element; null where none can come.</summary>
    public static JsonObject? Build(ConstraintFormat format, OutputConstraintRequest request)
    {
        if (format.ThoughtCloses.Count == 0)
        {
            return null;
        }

        var inside = request.PromptTail is null ? null : format.BeginsInThought(request.PromptTail);
        if (inside == false || (inside is null && request.Thinking == false))
        {
            return null;
        }

        // The prompt has opened the thought, or the model may open it itself.
        return inside == true ? Block("", format) : Optional(Or([.. Opens(format.ThoughtOpens).Select(open => Block(open, format))]));
    }

    private static JsonObject Block(string open, ConstraintFormat format)
    {
        var thought = Tag(open, AnyText(), [.. format.ThoughtCloses]);
        return format.TextAfterThought.Length == 0 ? thought : Sequence(thought, Const(format.TextAfterThought));
    }

    /// <summary>The opening markers; of two that begin alike, the shorter one.</summary>
    private static IEnumerable<string> Opens(IReadOnlyList<string> opens) =>
        opens.Where(open => !opens.Any(other => other.Length < open.Length && open.StartsWith(other, StringComparison.Ordinal)));
}

using System.Text.Json.Nodes;
using static Connectors.Vllm.OutputParsing.TagElements;

namespace Connectors.Vllm.OutputParsing;

/// <summary>The free thought before what a constraint asks for.</summary>
internal static class ThoughtTag
{
    /// <summary>The thought's element; null where none can come.</summary>
    public static JsonObject? Build(OutputFormat format, OutputConstraintRequest request)
    {
        var syntax = format.Reasoning;
        if (syntax.Closes.Count == 0)
        {
            return null;
        }

        var inside = request.PromptTail is null ? null : format.BeginsInReasoning(request.PromptTail);
        if (inside == false || (inside is null && request.Thinking == false))
        {
            return null;
        }

        // The prompt has opened the thought, or the model may open it itself.
        return inside == true ? Block("", syntax) : Optional(Or([.. Opens(syntax).Select(open => Block(open, syntax))]));
    }

    private static JsonObject Block(string open, ReasoningSyntax syntax)
    {
        var thought = Tag(open, AnyText(), [.. syntax.Closes]);
        return syntax.TextAfterClose.Length == 0 ? thought : Sequence(thought, Const(syntax.TextAfterClose));
    }

    /// <summary>The opening markers; of two that begin alike, the shorter one.</summary>
    private static IEnumerable<string> Opens(ReasoningSyntax syntax) =>
        syntax.Opens.Where(open => !syntax.Opens.Any(other => other.Length < open.Length && open.StartsWith(other, StringComparison.Ordinal)));
}

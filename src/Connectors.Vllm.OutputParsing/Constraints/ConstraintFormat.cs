namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>What a constraint must know of a model's format.</summary>
internal sealed record ConstraintFormat
{
    /// <summary>Builds the part that makes a model write calls in its own way; null when the generic JSON shapes serve.</summary>
    public CallGrammarBuilder? Calls { get; init; }

    /// <summary>Puts an answer's constraint between the markers that the format writes around visible text; null where it writes none.</summary>
    public Func<ConstraintNode, ConstraintNode>? Answer { get; init; }

    /// <summary>
    /// Where thoughts, answers and calls are messages with headers: the messages that may come before a call or an answer. Else null.
    /// </summary>
    public ConstraintNode? MessageThought { get; init; }

    /// <summary>Markers that begin a thought.</summary>
    public required IReadOnlyList<string> ThoughtOpens { get; init; }

    /// <summary>Markers that end a thought; none where the format has no thoughts.</summary>
    public required IReadOnlyList<string> ThoughtCloses { get; init; }

    /// <summary>What models of the format write between a thought and the answer.</summary>
    public string TextAfterThought { get; init; } = "";

    /// <summary>Whether the output behind the end of a prompt begins inside a thought; null when that end does not tell.</summary>
    public required Func<string, bool?> BeginsInThought { get; init; }

    /// <summary>Whether a text is one token of the vocabulary.</summary>
    public required Func<string, bool> HasToken { get; init; }
}

using System.Text.Json.Nodes;

namespace Connectors.Vllm.OutputParsing.Constraints;

/// <summary>What a constraint must know of a model's format.</summary>
internal sealed record ConstraintFormat
{
    /// <summary>Builds the part that makes a model write calls in its own way; null when the generic JSON shapes serve.</summary>
    public CallTagBuilder? Calls { get; init; }

    /// <summary>Puts an answer's constraint between the markers that the format writes around visible text; null where it writes none.</summary>
    public Func<JsonObject, JsonObject>? Answer { get; init; }

    /// <summary>True where thoughts, answers and calls are messages with headers: then the parts above hold the thought themselves.</summary>
    public bool HasMessages { get; init; }

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

namespace Connectors.Vllm.OutputParsing;

/// <summary>A constraint on what the model may write.</summary>
/// <param name="Kind">What <paramref name="Text"/> is.</param>
/// <param name="Text">Schema, tag, expression or grammar; empty for <see cref="OutputConstraintKind.JsonObject"/> and <see cref="OutputConstraintKind.Choice"/>.</param>
public sealed record OutputConstraint(OutputConstraintKind Kind, string Text)
{
    /// <summary>The texts of a <see cref="OutputConstraintKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];
}

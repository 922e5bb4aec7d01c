namespace Connectors.Vllm.Testing.Engine;

/// <summary>A structured-output constraint as both families carry it.</summary>
/// <param name="Kind">What kind it is.</param>
/// <param name="Text">Schema, pattern, grammar or tag; empty for the others.</param>
/// <param name="Choices">The choices of <see cref="ConstraintKind.Choice"/>.</param>
internal sealed record Constraint(ConstraintKind Kind, string Text, IReadOnlyList<string> Choices);

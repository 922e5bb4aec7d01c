namespace Connectors.Vllm.OutputParsing;

/// <summary>The constraint to send, and how to read the output it makes.</summary>
/// <param name="Constraint">The constraint; null when the output is free.</param>
/// <param name="CallShape">For <see cref="OutputParserOptions.CallShape"/>.</param>
/// <param name="Note">What the user should know (a wish no constraint can express, for example); null when all is well.</param>
public sealed record OutputConstraintResult(OutputConstraint? Constraint, CallShape CallShape, string? Note = null);

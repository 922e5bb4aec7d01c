namespace Connectors.Vllm.Testing.Engine;

/// <summary>Kind of structured-output constraint.</summary>
internal enum ConstraintKind
{
    JsonSchema,
    Regex,
    Choice,
    Grammar,
    JsonObject,
    StructuralTag,
}

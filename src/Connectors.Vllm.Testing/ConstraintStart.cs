namespace Connectors.Vllm.Testing;

/// <summary>Where a structured-output constraint takes hold.</summary>
public enum ConstraintStart
{
    /// <summary>At the first generated token; a server without a reasoning parser.</summary>
    FirstToken,

    /// <summary>After the end of the thought; a server started with a reasoning parser. A prompt without any think block is never constrained.</summary>
    AfterReasoning,
}

namespace Connectors.Vllm.OutputParsing;

/// <summary>Where a server starts to apply a constraint.</summary>
public enum ConstraintStart
{
    /// <summary>At the first token of the output, the default of a vLLM server: a thought must be part of the constraint.</summary>
    FirstToken,

    /// <summary>Behind the thought: the server was started with a reasoning parser. A thought in the constraint would be asked for twice.</summary>
    AfterReasoning,
}

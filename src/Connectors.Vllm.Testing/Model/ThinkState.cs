namespace Connectors.Vllm.Testing.Model;

/// <summary>State of the think block at the prompt's end.</summary>
internal enum ThinkState
{
    /// <summary>The prompt's tail holds none.</summary>
    Absent,

    /// <summary>The prompt ends inside one.</summary>
    Open,

    /// <summary>The prompt ends behind a closed one.</summary>
    Closed,
}

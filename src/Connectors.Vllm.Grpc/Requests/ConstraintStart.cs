namespace Connectors.Vllm.Grpc;

/// <summary>From which token on a server holds the output to a constraint.</summary>
public enum ConstraintStart
{
    /// <summary>The server does not tell.</summary>
    Unknown = 0,

    /// <summary>From the first generated token: the server has no reasoning parser.</summary>
    FirstToken = 1,

    /// <summary>
    /// After the end of the model's thought, as the server's reasoning parser sees it. A prompt without any think block is then
    /// never constrained (until the model writes the end marker).
    /// </summary>
    AfterReasoning = 2,
}

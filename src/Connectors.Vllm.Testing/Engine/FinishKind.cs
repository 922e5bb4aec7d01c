namespace Connectors.Vllm.Testing.Engine;

/// <summary>Why a sequence ended.</summary>
internal enum FinishKind
{
    None,
    Eos,
    StopToken,
    StopString,
    Length,
    Abort,
    Error,
    Repetition,

    /// <summary>The script ended with "stop" and nothing more to say.</summary>
    Stop,
}

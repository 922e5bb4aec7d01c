namespace Connectors.Vllm.Grpc;

/// <summary>Why a choice ended.</summary>
public enum GenerationFinishReason
{
    /// <summary>The model's end token, a stop token or a stop string.</summary>
    Stop = 0,

    /// <summary>The token limit, or the context is full.</summary>
    Length = 1,

    /// <summary>Aborted on the server (by <see cref="IVllmEngine.AbortAsync"/>, or by its administrator).</summary>
    Abort = 2,

    /// <summary>The server's repetition detection.</summary>
    Repetition = 3,

    /// <summary>A reason this client does not know; see <see cref="GenerationFinish.RawReason"/>.</summary>
    Other = 4,
}

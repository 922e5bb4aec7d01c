namespace Connectors.Vllm.Grpc;

/// <summary>
/// The server could not be reached, the connection broke, or what answers there is no vLLM gRPC server. The status is usually
/// <see cref="VllmStatusCode.Unavailable"/>; an answer that was being received is incomplete.
/// </summary>
public sealed class VllmConnectionException : VllmException
{
    /// <summary>Makes an exception without details.</summary>
    public VllmConnectionException()
    {
    }

    /// <summary>Makes an exception with a message.</summary>
    public VllmConnectionException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with a message and its cause.</summary>
    public VllmConnectionException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Nothing came in time. <see cref="Kind"/> says which of the limits of <see cref="VllmConnectionOptions"/> was reached.
/// </summary>
public sealed class VllmTimeoutException : VllmException
{
    /// <summary>Makes an exception without details.</summary>
    public VllmTimeoutException()
    {
    }

    /// <summary>Makes an exception with a message.</summary>
    public VllmTimeoutException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with a message and its cause.</summary>
    public VllmTimeoutException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Which limit was reached.</summary>
    public VllmTimeoutKind Kind { get; init; }

    /// <summary>The limit.</summary>
    public TimeSpan Timeout { get; init; }
}

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The request cannot be carried out as it is: refused by a local check before anything was sent, or by the server
/// (invalid argument, unknown model or adapter, a feature that is off). Sending it again unchanged does not help.
/// </summary>
public sealed class VllmRequestException : VllmException
{
    /// <summary>Makes an exception without details.</summary>
    public VllmRequestException()
    {
    }

    /// <summary>Makes an exception with a message.</summary>
    public VllmRequestException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with a message and its cause.</summary>
    public VllmRequestException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Name of the offending parameter as in <see cref="GenerationRequest"/> or <see cref="SamplingOptions"/>; null when unknown.</summary>
    public string? Parameter { get; init; }
}

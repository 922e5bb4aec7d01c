namespace Connectors.Vllm.Grpc;

/// <summary>
/// The server sent what the protocol does not allow or what is over a limit: a malformed frame or message, an answer that ends
/// without its final message, a message over the size limit, a tokenizer archive that fails a check.
/// </summary>
public sealed class VllmProtocolException : VllmException
{
    /// <summary>Makes an exception without details.</summary>
    public VllmProtocolException()
    {
    }

    /// <summary>Makes an exception with a message.</summary>
    public VllmProtocolException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with a message and its cause.</summary>
    public VllmProtocolException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

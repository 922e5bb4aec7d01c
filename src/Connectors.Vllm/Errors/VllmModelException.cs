using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>
/// The served model cannot be used by this client as things are: no tokenizer or template was found, or a file of the model is broken.
/// The message says what was tried and what to do. Trying again helps only after something was changed.
/// </summary>
public sealed class VllmModelException : VllmException
{
    /// <summary>Makes an exception without details.</summary>
    public VllmModelException()
    {
    }

    /// <summary>Makes an exception with a message.</summary>
    /// <param name="message">What is wrong and what to do.</param>
    public VllmModelException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with a message and its cause.</summary>
    /// <param name="message">What is wrong and what to do.</param>
    /// <param name="innerException">The cause.</param>
    public VllmModelException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal static VllmModelException Unusable(string origin, Exception exception) =>
        new($"The model files from {origin} cannot be used: {exception.Message}", exception);
}

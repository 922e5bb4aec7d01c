using Connectors.Vllm.Grpc;

namespace Connectors.Vllm;

/// <summary>
/// The client cannot use the served model: no tokenizer or template was found, or one of the model's files is invalid. The message says what was
/// tried and what
/// to do about it; retrying without a change does not help.
/// </summary>
public sealed class VllmModelException : VllmException
{
    /// <summary>Initializes an exception without details.</summary>
    public VllmModelException()
    {
    }

    /// <summary>Initializes an exception with a message.</summary>
    /// <param name="message">What is wrong and what to do.</param>
    public VllmModelException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a message and its cause.</summary>
    /// <param name="message">What is wrong and what to do.</param>
    /// <param name="innerException">The cause.</param>
    public VllmModelException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal static VllmModelException Unusable(string origin, Exception exception) =>
        new($"The model files from {origin} cannot be used: {exception.Message}", exception);
}

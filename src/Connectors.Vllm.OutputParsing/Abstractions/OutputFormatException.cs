namespace Connectors.Vllm.OutputParsing;

/// <summary>
/// A format, a response template or a constraint cannot be used; the message says what, where, and what to try. Model output never causes it.
/// </summary>
public sealed class OutputFormatException : Exception
{
    /// <summary>Initializes an exception without a message of its own.</summary>
    public OutputFormatException()
    {
    }

    /// <summary>Initializes an exception.</summary>
    /// <param name="message">What is wrong, where, and what to try.</param>
    public OutputFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes an exception with a cause.</summary>
    /// <param name="message">What is wrong, where, and what to try.</param>
    /// <param name="innerException">The cause.</param>
    public OutputFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

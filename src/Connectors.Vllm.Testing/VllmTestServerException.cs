namespace Connectors.Vllm.Testing;

/// <summary>The test server cannot be set up as asked: the message says what is wrong, where, and what to try.</summary>
public sealed class VllmTestServerException : Exception
{
    /// <summary>Creates the exception without a message.</summary>
    public VllmTestServerException()
    {
    }

    /// <summary>Creates the exception.</summary>
    public VllmTestServerException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public VllmTestServerException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

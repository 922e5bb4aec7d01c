using System.Text.Json;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>
/// The client cannot use the served model: no tokenizer or chat template was found, or one of the model's files is invalid. The message says what was
/// tried and what to do about it; retrying without a change does not help.
/// </summary>
public sealed class VllmModelException : VllmException
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public VllmModelException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    /// <param name="message">What is wrong and what to do.</param>
    public VllmModelException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    /// <param name="message">What is wrong and what to do.</param>
    /// <param name="innerException">The exception that caused it.</param>
    public VllmModelException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal static VllmModelException Unusable(string origin, Exception exception) =>
        new($"What the model needs, from {origin}, cannot be used: {exception.Message}", exception);

    /// <summary>
    /// Reads model files, which are untrusted: any exception of a reader for invalid content (an unpaired surrogate, a number out of range) becomes
    /// this exception, except argument exceptions, which are mistakes of the caller.
    /// </summary>
    internal static T Guard<T>(string origin, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is TokenizerException or ChatTemplateException or InvalidDataException or JsonException
            or InvalidOperationException or FormatException or ArithmeticException or IndexOutOfRangeException or KeyNotFoundException)
        {
            throw Unusable(origin, exception);
        }
    }
}

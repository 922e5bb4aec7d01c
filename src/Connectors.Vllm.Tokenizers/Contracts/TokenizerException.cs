namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// The one exception of this package: a tokenizer file is malformed or uses something that is not supported, or a text cannot be
/// encoded with the given model. The message says what is wrong, where, and what to try.
/// </summary>
public sealed class TokenizerException : Exception
{
    /// <summary>Creates an exception without a message.</summary>
    public TokenizerException()
    {
    }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What is wrong, where, and what to try.</param>
    public TokenizerException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What is wrong, where, and what to try.</param>
    /// <param name="innerException">The cause.</param>
    public TokenizerException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates an exception that names the file and the place in it.</summary>
    /// <param name="message">What is wrong, and what to try.</param>
    /// <param name="file">The file's name, for example <c>tokenizer.json</c>.</param>
    /// <param name="place">The place in the file: a JSON path such as <c>$.model.merges[17]</c>, a line, or a byte offset; may be null.</param>
    /// <param name="innerException">The cause, or null.</param>
    public TokenizerException(string message, string? file, string? place, Exception? innerException = null)
        : base(Compose(message, file, place), innerException)
    {
        File = file;
        Place = place;
    }

    /// <summary>The file that is wrong, when a file is.</summary>
    public string? File { get; }

    /// <summary>The place in <see cref="File"/>: a JSON path, a line, or a byte offset.</summary>
    public string? Place { get; }

    private static string Compose(string message, string? file, string? place) => (file, place) switch
    {
        (null, null) => message,
        (_, null) => $"{file}: {message}",
        (null, _) => $"at {place}: {message}",
        _ => $"{file} at {place}: {message}",
    };
}

namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// The exception for a tokenizer file that is malformed or uses an unsupported feature, and for a text that cannot be encoded with the model. The
/// message says what is wrong, where, and what to try.
/// </summary>
public sealed class TokenizerException : Exception
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public TokenizerException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    /// <param name="message">What is wrong, where, and what to try.</param>
    public TokenizerException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    /// <param name="message">What is wrong, where, and what to try.</param>
    /// <param name="innerException">The exception that caused it.</param>
    public TokenizerException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Initializes a new instance of the exception that names the file and the place in it.</summary>
    /// <param name="message">What is wrong, and what to try.</param>
    /// <param name="file">The file's name, for example <c>tokenizer.json</c>.</param>
    /// <param name="place">The place in the file: a JSON path such as <c>$.model.merges[17]</c>, a line, or a byte offset;
    /// <see langword="null"/> if unknown.</param>
    /// <param name="innerException">The exception that caused it, or <see langword="null"/>.</param>
    public TokenizerException(string message, string? file, string? place, Exception? innerException = null)
        : base(Compose(message, file, place), innerException)
    {
        File = file;
        Place = place;
    }

    /// <summary>The name of the malformed file; <see langword="null"/> if no file is involved.</summary>
    public string? File { get; }

    /// <summary>The place in <see cref="File"/>: a JSON path, a line, or a byte offset; <see langword="null"/> if unknown.</summary>
    public string? Place { get; }

    private static string Compose(string message, string? file, string? place) => (file, place) switch
    {
        (null, null) => message,
        (_, null) => $"{file}: {message}",
        (null, _) => $"at {place}: {message}",
        _ => $"{file} at {place}: {message}",
    };
}

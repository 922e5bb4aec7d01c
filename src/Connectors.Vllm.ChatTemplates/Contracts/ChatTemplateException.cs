namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// A chat template could not be read or could not render a conversation: a syntax error, a runtime error, the template's own
/// <c>raise_exception</c>, or a limit of <see cref="ChatTemplateOptions"/>. Where it happened is in <see cref="Line"/> and <see cref="Column"/>.
/// </summary>
public sealed class ChatTemplateException : Exception
{
    /// <summary>Initializes a new instance of the exception without a position.</summary>
    public ChatTemplateException()
        : this("The chat template failed.")
    {
    }

    /// <summary>Initializes a new instance of the exception without a position.</summary>
    /// <param name="message">What went wrong.</param>
    public ChatTemplateException(string message)
        : this(message, null)
    {
    }

    /// <summary>Initializes a new instance of the exception without a position.</summary>
    /// <param name="message">What went wrong.</param>
    /// <param name="innerException">The cause, or null.</param>
    public ChatTemplateException(string message, Exception? innerException)
        : base(message, innerException) => Reason = message;

    internal ChatTemplateException(string reason, int line, int column, string? sourceLine, string? templateName, Exception? innerException = null)
        : base(Describe(reason, line, column, sourceLine, templateName), innerException)
    {
        Reason = reason;
        Line = line;
        Column = column;
        SourceLine = sourceLine;
        TemplateName = templateName;
    }

    /// <summary>What went wrong, without the position; for <c>raise_exception</c>, the template's own message.</summary>
    public string Reason { get; }

    /// <summary>The line in the template, from 1; 0 if the error has no position.</summary>
    public int Line { get; }

    /// <summary>The column in the line, from 1, in UTF-16 code units; 0 if the error has no position.</summary>
    public int Column { get; }

    /// <summary>
    /// The source line of the template, shortened around the column if it is long; <see langword="null"/> if the error has no position.
    /// </summary>
    public string? SourceLine { get; }

    /// <summary>The name of the template, or <see langword="null"/>.</summary>
    public string? TemplateName { get; }

    private static string Describe(string reason, int line, int column, string? sourceLine, string? templateName)
    {
        if (line <= 0)
        {
            return reason;
        }

        var name = templateName is null ? "" : $" '{templateName}'";
        var source = sourceLine is null ? "" : $": {sourceLine.Trim()}";
        return $"{reason} (chat template{name}, line {line}, column {column}{source})";
    }
}

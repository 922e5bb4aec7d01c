using Connectors.Vllm.OutputParsing.ResponseTemplates;

namespace Connectors.Vllm.OutputParsing;

/// <summary>What is known about a model, for <see cref="OutputFormat.Select"/>. Every value is optional.</summary>
public sealed record OutputFormatHints
{
    /// <summary>The user's choice of tool parser: a vLLM parser name, <c>auto</c> (the same as <see langword="null"/>) or <c>none</c>.</summary>
    public string? ToolParser { get; init; }

    /// <summary>The user's choice of reasoning parser: a vLLM parser name, <c>auto</c> (the same as <see langword="null"/>) or <c>none</c>.</summary>
    public string? ReasoningParser { get; init; }

    /// <summary>The tool parser that the server reports; empty if it does not report one.</summary>
    public string? ServerToolParser { get; init; }

    /// <summary>The reasoning parser that the server reports; empty if it does not report one.</summary>
    public string? ServerReasoningParser { get; init; }

    /// <summary>The <c>model_type</c> in config.json.</summary>
    public string? ModelType { get; init; }

    /// <summary>The <c>architectures</c> in config.json.</summary>
    public IReadOnlyList<string> Architectures { get; init; } = [];

    /// <summary>The source of the chat template (the one for tools if there are several).</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Finds the id of a text that is exactly one token, or returns <see langword="null"/> if it is not. Used for markers only.</summary>
    public Func<string, int?>? FindToken { get; init; }

    /// <summary>The <c>response_template</c> in tokenizer_config.json, as JSON text.</summary>
    public string? ResponseTemplate { get; init; }

    /// <summary>The model's name or path; the weakest hint.</summary>
    public string? ModelName { get; init; }
}

/// <summary>
/// The exception for a format, a response template or a constraint that cannot be used. The message says what, where, and what to try. It is never
/// caused by model output.
/// </summary>
public sealed class OutputFormatException : Exception
{
    /// <summary>Initializes a new instance of the exception.</summary>
    public OutputFormatException()
    {
    }

    /// <summary>Initializes a new instance of the exception with a message.</summary>
    /// <param name="message">What is wrong, where, and what to try.</param>
    public OutputFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Initializes a new instance of the exception with a message and the exception that caused it.</summary>
    /// <param name="message">What is wrong, where, and what to try.</param>
    /// <param name="innerException">The exception that caused it.</param>
    public OutputFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

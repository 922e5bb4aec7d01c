using Connectors.Vllm.OutputParsing.ResponseTemplates;

namespace Connectors.Vllm.OutputParsing;

/// <summary>All that may be known of a model, for <see cref="OutputFormat.Select"/>. Every part is optional.</summary>
public sealed record OutputFormatHints
{
    /// <summary>The user's choice of tool parser: a name of vLLM, <c>auto</c> (as null) or <c>none</c>.</summary>
    public string? ToolParser { get; init; }

    /// <summary>The user's choice of reasoning parser: a name of vLLM, <c>auto</c> (as null) or <c>none</c>.</summary>
    public string? ReasoningParser { get; init; }

    /// <summary>The tool parser the server says it uses; empty when it does not tell.</summary>
    public string? ServerToolParser { get; init; }

    /// <summary>The reasoning parser the server says it uses; empty when it does not tell.</summary>
    public string? ServerReasoningParser { get; init; }

    /// <summary><c>model_type</c> of config.json.</summary>
    public string? ModelType { get; init; }

    /// <summary><c>architectures</c> of config.json.</summary>
    public IReadOnlyList<string> Architectures { get; init; } = [];

    /// <summary>Source of the chat template (the one for tools where there are several).</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Finds the id of a text that is exactly one token; null when it is not. Used for markers only.</summary>
    public Func<string, int?>? FindToken { get; init; }

    /// <summary><c>response_template</c> of tokenizer_config.json, as JSON text.</summary>
    public string? ResponseTemplate { get; init; }

    /// <summary>The model's name or path; the weakest hint.</summary>
    public string? ModelName { get; init; }
}

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

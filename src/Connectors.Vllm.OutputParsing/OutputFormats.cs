using Connectors.Vllm.OutputParsing.Formats;
using Connectors.Vllm.OutputParsing.Selection;

namespace Connectors.Vllm.OutputParsing;

/// <summary>Chooses the <see cref="OutputFormat"/> of a model, from what the model is made of rather than from its name. Thread-safe.</summary>
public static class OutputFormats
{
    /// <summary>Names of all tool parsers, with vLLM's other names for them.</summary>
    public static IReadOnlyList<string> ToolParsers { get; } = FormatTable.ToolNames;

    /// <summary>Names of all reasoning parsers, with vLLM's other names for them.</summary>
    public static IReadOnlyList<string> ReasoningParsers { get; } = FormatTable.ReasoningNames;

    /// <summary>A format by the names of its parsers.</summary>
    /// <param name="toolParser">A name of <see cref="ToolParsers"/>.</param>
    /// <param name="reasoningParser">A name of <see cref="ReasoningParsers"/>.</param>
    /// <param name="findToken">Finds the id of a text that is exactly one token of the vocabulary; null when the vocabulary is unknown.</param>
    /// <returns>The format.</returns>
    /// <exception cref="OutputFormatException">A name is unknown.</exception>
    public static OutputFormat FromNames(string toolParser, string reasoningParser, Func<string, int?>? findToken = null) =>
        Select(new OutputFormatHints { ToolParser = toolParser, ReasoningParser = reasoningParser, FindToken = findToken });

    /// <summary>
    /// Chooses a format: the user's choice, then the server's own parsers, then model_type and architectures, then markers of the template and the
    /// vocabulary, then a response template, then the model's name; else everything is text, with a warning.
    /// </summary>
    /// <param name="hints">What is known of the model.</param>
    /// <returns>The format, with the reason of each choice.</returns>
    /// <exception cref="OutputFormatException">
    /// A parser name is unknown, or the response template was asked for (<c>hf</c>) and cannot be used.
    /// </exception>
    public static OutputFormat Select(OutputFormatHints hints)
    {
        ArgumentNullException.ThrowIfNull(hints);
        return new OutputFormat(FormatSelector.Select(hints), hints.FindToken);
    }
}

namespace Connectors.Vllm.OutputParsing;

/// <summary>The order of evidence behind <see cref="OutputFormats.Select"/>.</summary>
internal static class FormatSelector
{
    public static OutputFormat Select(OutputFormatHints hints)
    {
        var (tools, toolReason) = Explicit(hints.ToolParser, FormatTable.FindTools, "tool", OutputFormats.ToolParsers);
        var (reasoning, reasoningReason) = Explicit(hints.ReasoningParser, FormatTable.FindReasoning, "reasoning", OutputFormats.ReasoningParsers);
        return new OutputFormat(tools ?? ToolSyntax.None, reasoning ?? ReasoningSyntax.None, hints.FindToken, toolReason ?? "nothing known", reasoningReason ?? "nothing known", null);
    }

    private static (T? Row, string? Reason) Explicit<T>(string? name, Func<string, T?> find, string what, IReadOnlyList<string> known)
        where T : class
    {
        if (string.IsNullOrWhiteSpace(name) || string.Equals(name, "auto", StringComparison.OrdinalIgnoreCase))
        {
            return (null, null);
        }

        return find(name) is { } row
            ? (row, "chosen by option")
            : throw new OutputFormatException($"There is no {what} parser '{name}'. Known: {string.Join(", ", known)}; or 'auto'.");
    }
}

namespace Connectors.Vllm.Tokenizers;

/// <summary>Reads the <c>pattern</c> of Split and Replace: <c>{"String": …}</c> or <c>{"Regex": …}</c>.</summary>
internal static class PatternReader
{
    /// <summary>The compiled pattern; or null and the text to search when the pattern is a plain text.</summary>
    /// <exception cref="TokenizerException">The pattern is neither form, malformed, or uses something that is not supported.</exception>
    public static RegexProgram? Read(ComponentJson json, out string literal)
    {
        literal = string.Empty;
        if (json.OptionalString("Regex") is { } pattern)
        {
            return Compile(json, pattern);
        }

        literal = json.OptionalString("String") ?? throw json.Error("a pattern is {\"String\": …} or {\"Regex\": …}");

        // An empty text matches between all characters; that is the regex engine's business.
        return literal.Length == 0 ? Compile(json, literal) : null;
    }

    private static RegexProgram Compile(ComponentJson json, string pattern)
    {
        try
        {
            return RegexCompiler.Compile(pattern);
        }
        catch (TokenizerException exception)
        {
            throw json.Error(exception.Message, exception);
        }
    }
}

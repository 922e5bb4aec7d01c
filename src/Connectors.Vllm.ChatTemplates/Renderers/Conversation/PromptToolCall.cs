namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>One tool call of an assistant message.</summary>
/// <param name="Id">The call's id.</param>
/// <param name="Name">Name of the function.</param>
/// <param name="Arguments">The arguments as the message holds them: JSON text, an object, or null.</param>
internal sealed record PromptToolCall(string Id, string Name, PromptValue? Arguments)
{
    /// <summary>The arguments as vLLM's Python front end reads them: whatever is no object counts as no arguments.</summary>
    public PromptValue ParsedArguments
    {
        get
        {
            var value = Arguments;
            if (value?.StringOrNull is { } text)
            {
                PythonJsonReader.TryParse(text, JsonDialect.Python, out value, out _);
            }

            return value is { IsObject: true } ? value : PromptValue.OfObject([]);
        }
    }

    /// <summary>The arguments as text: unchanged when the message holds text, else compact JSON.</summary>
    public string ArgumentsText => Arguments switch
    {
        null or { IsNull: true } => "",
        { IsString: true } => Arguments.Text,
        _ => JsonText.Of(Arguments, JsonStyle.RustCompact),
    };
}

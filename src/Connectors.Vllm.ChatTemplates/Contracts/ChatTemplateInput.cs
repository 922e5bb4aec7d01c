namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// What a chat template sees: the conversation and its variables, as transformers' <c>apply_chat_template</c> passes them. Values are JSON
/// (<see cref="System.Text.Json.JsonElement"/>, <see cref="System.Text.Json.Nodes.JsonNode"/>), null, strings, booleans, numbers,
/// <c>IReadOnlyDictionary&lt;string, object?&gt;</c> and sequences of such values; key order and number lexemes are kept. Nothing is changed by
/// rendering.
/// </summary>
public sealed class ChatTemplateInput
{
    /// <summary>The messages, a sequence of objects with at least <c>role</c>; null renders the template without messages (None).</summary>
    public object? Messages { get; init; }

    /// <summary>
    /// The tools, a sequence of JSON objects in the OpenAI form; null is Python's None (defined, but falsy), as transformers passes absent tools.
    /// </summary>
    public object? Tools { get; init; }

    /// <summary>Documents for templates with retrieval; null is Python's None.</summary>
    public object? Documents { get; init; }

    /// <summary>Whether the prompt ends with the opening of an assistant turn. Default false, as in transformers.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>
    /// null or false: the last message is closed as usual. true: the prompt ends inside the last message's <c>content</c>, so that the model
    /// goes on with it. A string: the same with the message field of that name (such as <c>reasoning_content</c>). Excludes
    /// <see cref="AddGenerationPrompt"/>.
    /// </summary>
    public object? ContinueFinalMessage { get; init; }

    /// <summary>
    /// Further template variables (chat_template_kwargs such as <c>enable_thinking</c>); they win over <see cref="SpecialTokens"/>.
    /// </summary>
    public IReadOnlyDictionary<string, object?>? Kwargs { get; init; }

    /// <summary>
    /// Whether texts of <see cref="Kwargs"/> may hold control tokens, as the template's own text may. Default false: like messages, they are content
    /// (<see cref="RenderedPrompt.Content"/>).
    /// </summary>
    public bool TrustsKwargs { get; init; }

    /// <summary>The special tokens by variable name (<c>bos_token</c>, <c>eos_token</c>…); a null value leaves the variable undefined.</summary>
    public IReadOnlyDictionary<string, object?>? SpecialTokens { get; init; }

    /// <summary>The clock of <c>strftime_now</c>, which prints local time; null is <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider? TimeProvider { get; init; }
}

/// <summary>A rendered prompt: its text, the ranges of it that are ordinary content, and where tokens must not run across.</summary>
public sealed class RenderedPrompt
{
    /// <summary>Creates a prompt.</summary>
    /// <param name="text">The prompt text.</param>
    /// <param name="content">Absolute ranges from the start, in UTF-16 units; sorted, not empty, neither overlapping nor touching.</param>
    /// <param name="boundaries">Offsets from the start, in UTF-16 units; rising, inside the text. Null is none.</param>
    /// <exception cref="ArgumentException">A boundary is not behind the one before it, or not inside the text.</exception>
    public RenderedPrompt(string text, IReadOnlyList<Range> content, IReadOnlyList<int>? boundaries = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(content);
        var last = 0;
        foreach (var boundary in boundaries ?? [])
        {
            if (boundary <= last || boundary >= text.Length)
            {
                throw new ArgumentException(
                    $"Boundaries must rise and lie inside the text of {text.Length} UTF-16 units; {boundary} does not.", nameof(boundaries));
            }

            last = boundary;
        }

        Text = text;
        Content = content;
        Boundaries = boundaries ?? [];
    }

    /// <summary>The prompt text.</summary>
    public string Text { get; }

    /// <summary>
    /// The ranges of <see cref="Text"/> that came from message content, tool calls, tool results or documents, in UTF-16 units from the
    /// start; sorted, merged, never overlapping. A control token's text inside such a range is what somebody wrote, not a control token.
    /// </summary>
    public IReadOnlyList<Range> Content { get; }

    /// <summary>
    /// Where the reference begins to encode anew, as offsets into <see cref="Text"/> in UTF-16 units, rising: the texts before and behind a boundary are
    /// encoded each on its own, so no token runs across it. Empty for templates; gpt-oss's reference encodes every text part of a message alone.
    /// </summary>
    public IReadOnlyList<int> Boundaries { get; }

    /// <summary>The prompt text.</summary>
    public override string ToString() => Text;
}

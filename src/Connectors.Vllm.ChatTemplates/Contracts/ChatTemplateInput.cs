namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// The input of a chat template: the conversation and the variables, as passed by transformers' <c>apply_chat_template</c>. Values are JSON
/// (<see cref="System.Text.Json.JsonElement"/>, <see cref="System.Text.Json.Nodes.JsonNode"/>), null, strings, booleans, numbers,
/// <c>IReadOnlyDictionary&lt;string, object?&gt;</c> and sequences of such values; the order of keys and the spelling of numbers are kept. Rendering
/// does not modify them.
/// </summary>
public sealed class ChatTemplateInput
{
    /// <summary>
    /// The messages, a sequence of objects with at least <c>role</c>; <see langword="null"/> renders the template without messages (None).
    /// </summary>
    public object? Messages { get; init; }

    /// <summary>
    /// The tools, a sequence of JSON objects in the OpenAI format; <see langword="null"/> is Python's None (defined, but falsy), which transformers
    /// passes for absent tools.
    /// </summary>
    public object? Tools { get; init; }

    /// <summary>The documents for templates that support retrieval; <see langword="null"/> is Python's None.</summary>
    public object? Documents { get; init; }

    /// <summary>Whether the prompt ends with the start of an assistant turn. Default: false, as in transformers.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>
    /// <see langword="null"/> or false: the last message is closed as usual. true: the prompt ends inside the last message's <c>content</c>, so that
    /// the model continues it. A string: the same with the message field of that name (such as <c>reasoning_content</c>). Mutually exclusive with
    /// <see cref="AddGenerationPrompt"/>.
    /// </summary>
    public object? ContinueFinalMessage { get; init; }

    /// <summary>
    /// Additional template variables (chat_template_kwargs such as <c>enable_thinking</c>); they take precedence over <see cref="SpecialTokens"/>.
    /// </summary>
    public IReadOnlyDictionary<string, object?>? Kwargs { get; init; }

    /// <summary>
    /// Whether texts in <see cref="Kwargs"/> may contain control tokens, as the template's own text may. Default: false, which treats them as content
    /// like messages (<see cref="RenderedPrompt.Content"/>).
    /// </summary>
    public bool TrustsKwargs { get; init; }

    /// <summary>
    /// The special tokens by variable name (<c>bos_token</c>, <c>eos_token</c> …); a <see langword="null"/> value leaves the variable undefined.
    /// </summary>
    public IReadOnlyDictionary<string, object?>? SpecialTokens { get; init; }

    /// <summary>The clock for <c>strftime_now</c>, which formats local time; <see langword="null"/> uses <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider? TimeProvider { get; init; }
}

/// <summary>A rendered prompt: its text, the ranges of it that come from content, and the boundaries that no token may cross.</summary>
public sealed class RenderedPrompt
{
    /// <summary>Creates a rendered prompt.</summary>
    /// <param name="text">The prompt text.</param>
    /// <param name="content">The content ranges, as offsets from the start in UTF-16 code units; sorted, not empty, neither overlapping nor
    /// touching.</param>
    /// <param name="boundaries">The boundaries, as offsets from the start in UTF-16 code units; ascending and inside the text.
    /// <see langword="null"/> for none.</param>
    /// <exception cref="ArgumentException">The boundaries are not ascending, or one is outside the text.</exception>
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
                    $"Boundaries must be ascending and inside the text of {text.Length} UTF-16 code units; {boundary} is not.", nameof(boundaries));
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
    /// The ranges of <see cref="Text"/> that come from message content, tool calls, tool results or documents, as offsets from the start in UTF-16
    /// code units; sorted, merged, never overlapping. The text of a control token in such a range is user text, not a control token.
    /// </summary>
    public IReadOnlyList<Range> Content { get; }

    /// <summary>
    /// The positions at which the reference starts a new tokenization, as ascending offsets into <see cref="Text"/> in UTF-16 code units: the texts
    /// before and after a boundary are tokenized separately, so no token crosses it. Empty for templates; the reference of gpt-oss tokenizes every
    /// text part of a message separately.
    /// </summary>
    public IReadOnlyList<int> Boundaries { get; }

    /// <summary>The prompt text.</summary>
    public override string ToString() => Text;
}

namespace Connectors.Vllm.ChatTemplates;

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

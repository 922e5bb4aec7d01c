namespace Connectors.Vllm.ChatTemplates;

/// <summary>A rendered prompt: its text, the ranges of it that are ordinary content, and where tokens must not run across.</summary>
public sealed class RenderedPrompt
{
    /// <summary>Creates a prompt.</summary>
    /// <param name="text">The prompt text.</param>
    /// <param name="content">Absolute ranges from the start, in UTF-16 units; sorted, not empty, neither overlapping nor touching.</param>
    /// <param name="seams">Offsets from the start, in UTF-16 units; rising, inside the text. Null is none.</param>
    /// <exception cref="ArgumentException">A seam is not behind the one before it, or not inside the text.</exception>
    public RenderedPrompt(string text, IReadOnlyList<Range> content, IReadOnlyList<int>? seams = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(content);
        var last = 0;
        foreach (var seam in seams ?? [])
        {
            if (seam <= last || seam >= text.Length)
            {
                throw new ArgumentException(
                    $"Seams must rise and lie inside the text of {text.Length} UTF-16 units; {seam} does not.", nameof(seams));
            }

            last = seam;
        }

        Text = text;
        Content = content;
        Seams = seams ?? [];
    }

    /// <summary>The prompt text.</summary>
    public string Text { get; }

    /// <summary>
    /// The ranges of <see cref="Text"/> that came from message content, tool calls, tool results or documents, in UTF-16 units from the
    /// start; sorted, merged, never overlapping. A control token's text inside such a range is what somebody wrote, not a control token.
    /// </summary>
    public IReadOnlyList<Range> Content { get; }

    /// <summary>
    /// Where the reference begins to encode anew, as offsets into <see cref="Text"/> in UTF-16 units, rising: the texts before and behind a seam are
    /// encoded each on its own, so no token runs across it. Empty for templates; gpt-oss's reference encodes every text part of a message alone.
    /// </summary>
    public IReadOnlyList<int> Seams { get; }

    /// <summary>The prompt text.</summary>
    public override string ToString() => Text;
}

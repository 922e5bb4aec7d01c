namespace Connectors.Vllm.ChatTemplates;

/// <summary>A rendered prompt: its text, and the ranges of it that are ordinary content.</summary>
public sealed class RenderedPrompt
{
    /// <summary>Creates a prompt.</summary>
    /// <param name="text">The prompt text.</param>
    /// <param name="content">Absolute ranges from the start, in UTF-16 units; sorted, not empty, neither overlapping nor touching.</param>
    public RenderedPrompt(string text, IReadOnlyList<Range> content)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(content);
        Text = text;
        Content = content;
    }

    /// <summary>The prompt text.</summary>
    public string Text { get; }

    /// <summary>
    /// The ranges of <see cref="Text"/> that came from message content, tool calls, tool results or documents, in UTF-16 units from the
    /// start; sorted, merged, never overlapping. A control token's text inside such a range is what somebody wrote, not a control token.
    /// </summary>
    public IReadOnlyList<Range> Content { get; }

    /// <summary>The prompt text.</summary>
    public override string ToString() => Text;
}

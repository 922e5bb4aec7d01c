namespace Connectors.Vllm.ChatTemplates;

/// <summary>
/// A Hugging Face chat template (Jinja), rendered as transformers renders it: an immutable sandbox with trim_blocks, lstrip_blocks, loop
/// controls, the generation tag, raise_exception and strftime_now. Parse once, render from any number of threads.
/// Rules: https://jinja.palletsprojects.com/en/stable/templates/ and https://huggingface.co/docs/transformers/chat_templating.
/// </summary>
public sealed class ChatTemplate : IChatPromptRenderer
{
    private ChatTemplate(string source, ChatTemplateOptions options)
    {
        Source = source;
        Options = options;
    }

    /// <summary>The template's source text.</summary>
    public string Source { get; }

    /// <summary>The shape of message content the template is written for, found in its source as vLLM finds it.</summary>
    public ChatContentFormat ContentFormat { get; }

    internal ChatTemplateOptions Options { get; }

    /// <summary>Parses a template.</summary>
    /// <param name="source">The template's source text; a trailing newline is dropped as Jinja drops it.</param>
    /// <param name="options">Limits and name; null for the defaults.</param>
    /// <returns>The template, immutable and thread-safe.</returns>
    /// <exception cref="ChatTemplateException">The source is not a valid template, or larger or deeper than allowed.</exception>
    public static ChatTemplate Parse(string source, ChatTemplateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate(source, options ?? new ChatTemplateOptions());
    }

    /// <inheritdoc/>
    public RenderedPrompt Render(ChatTemplateInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        throw new ChatTemplateException("The template engine is being moved in; this build cannot render yet.");
    }
}

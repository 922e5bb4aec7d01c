namespace Connectors.Vllm.ChatTemplates;

/// <summary>Turns a conversation into the exact prompt text a model was trained on. Implementations are immutable and thread-safe.</summary>
public interface IChatPromptRenderer
{
    /// <summary>Renders <paramref name="input"/>, which is only read.</summary>
    /// <param name="input">The conversation and the template's variables.</param>
    /// <returns>The prompt text, and which of its characters came from message content.</returns>
    /// <exception cref="ChatTemplateException">The conversation cannot be rendered: the template refused it, it is malformed, or a limit was
    /// reached.</exception>
    RenderedPrompt Render(ChatTemplateInput input);
}

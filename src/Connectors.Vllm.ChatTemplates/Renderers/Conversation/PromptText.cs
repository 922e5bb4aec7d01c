namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>A piece of prompt text and whether the caller supplied it.</summary>
internal readonly record struct PromptText(string Text, bool IsContent)
{
    public static PromptText Content(string text) => new(text, true);

    public static PromptText Markup(string text) => new(text, false);
}

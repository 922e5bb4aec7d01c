using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm;

/// <summary>One way to render prompts (a parsed template or a built-in renderer) with what it wants of the messages.</summary>
internal sealed class PromptRenderer
{
    public PromptRenderer(ChatTemplate template, ChatContentFormat? format = null)
        : this(template, TemplateTraits.Of(template.Source, format ?? template.ContentFormat), template.Source)
    {
    }

    public PromptRenderer(IChatPromptRenderer renderer, TemplateTraits traits, string? source)
    {
        Renderer = renderer;
        Traits = traits;
        Source = source;
    }

    public IChatPromptRenderer Renderer { get; }

    /// <summary>What it wants; replaced when a refusal has shown better.</summary>
    public TemplateTraits Traits { get; set; }

    /// <summary>The template's source; null for a built-in renderer.</summary>
    public string? Source { get; }

    /// <summary>Set once it turned out that the template concatenates tool arguments and so needs them as text.</summary>
    public bool NeedsArgumentText { get; set; }
}

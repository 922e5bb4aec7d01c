using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>
/// One way to render prompts (a parsed template or a built-in renderer) with what it can print. Immutable: requests learn nothing into it.
/// </summary>
internal sealed class PromptRenderer
{
    /// <param name="template">The template.</param>
    /// <param name="format">The shape of content, where it is prescribed.</param>
    /// <param name="probing">What every conversation of the template is rendered with.</param>
    public PromptRenderer(ChatTemplate template, ChatContentFormat? format, ProbeInput probing)
        : this(template, TemplateTraits.Of(template.Source, format ?? template.ContentFormat), template.Source, probing)
    {
    }

    public PromptRenderer(IChatPromptRenderer renderer, TemplateTraits traits, string? source, ProbeInput probing)
    {
        Renderer = renderer;
        Source = source;
        (Traits, Abilities) = TemplateProbe.Run(renderer, traits, probing);
    }

    public IChatPromptRenderer Renderer { get; }

    /// <summary>What it wants of messages.</summary>
    public TemplateTraits Traits { get; }

    /// <summary>What it prints of a conversation.</summary>
    public VllmTemplateAbilities Abilities { get; }

    /// <summary>The template's source; null for a built-in renderer.</summary>
    public string? Source { get; }
}

using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>
/// One way to render prompts (a parsed template or a built-in renderer) with what it can print. Immutable: requests learn nothing into it.
/// </summary>
internal sealed class PromptRenderer
{
    private PromptRenderer(ChatPromptRenderer renderer, ChatPromptRenderer probed, TemplateTraits traits, ProbeInput probing)
    {
        Renderer = renderer;
        Source = (renderer as ChatTemplate)?.Source;
        (Traits, Abilities) = TemplateProbe.Run(probed, traits, probing);
    }

    /// <summary>Probes a renderer for requests with tools, without them, or both.</summary>
    /// <param name="renderer">The template, or a built-in renderer.</param>
    /// <param name="traits">What is known of it beforehand.</param>
    /// <param name="probing">What every conversation is rendered with, for each kind of requests.</param>
    public static PromptRenderer[] Probe(ChatPromptRenderer renderer, TemplateTraits traits, params ProbeInput[] probing)
    {
        var probed = TemplateProbe.Bounded(renderer);
        return Array.ConvertAll(probing, input => new PromptRenderer(renderer, probed, traits, input));
    }

    public ChatPromptRenderer Renderer { get; }

    /// <summary>What it wants of messages.</summary>
    public TemplateTraits Traits { get; }

    /// <summary>What it prints of a conversation.</summary>
    public VllmTemplateAbilities Abilities { get; }

    /// <summary>The template's source; null for a built-in renderer.</summary>
    public string? Source { get; }
}

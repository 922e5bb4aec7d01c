using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>
/// One way to render prompts (a parsed template or a built-in renderer) with what it can print. Immutable: requests learn nothing into it.
/// </summary>
internal sealed class PromptRenderer
{
    private int[]? _structureTokens;

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

    /// <summary>
    /// Tokens that the prompt is built of although the tokenizer does not call them special: <c>&lt;tool_response&gt;</c>, <c>&lt;think&gt;</c> and
    /// the like. In a message they must stay text, or a message could pretend to be a tool's result. Tokens that are words or space are no structure.
    /// </summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    public int[] StructureTokens(Tokenizer tokenizer) => _structureTokens ??=
    [
        .. tokenizer.AddedTokens
            .Where(token => !token.IsSpecial && token.Content.Length > 1 && !char.IsLetterOrDigit(token.Content[0])
                && !string.IsNullOrWhiteSpace(token.Content)
                && Source?.Contains(token.Content, StringComparison.Ordinal) != false)
            .Select(static token => token.Id),
    ];
}

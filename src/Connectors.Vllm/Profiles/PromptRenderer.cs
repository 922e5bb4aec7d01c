using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm;

/// <summary>One way to render prompts (a parsed template or a built-in renderer) with what it wants of the messages.</summary>
internal sealed class PromptRenderer
{
    private int[]? _structureTokens;

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

    /// <summary>
    /// Tokens that the prompt is built of although the tokenizer does not call them special: <c>&lt;tool_response&gt;</c>, <c>&lt;think&gt;</c> and the like. In a
    /// message they must stay text, or a message could pretend to be a tool's result. Tokens that are words or space are no structure.
    /// </summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    public int[] StructureTokens(Tokenizer tokenizer) => _structureTokens ??=
    [
        .. tokenizer.AddedTokens
            .Where(token => !token.IsSpecial && token.Content.Length > 1 && !char.IsLetterOrDigit(token.Content[0]) && !string.IsNullOrWhiteSpace(token.Content)
                && Source?.Contains(token.Content, StringComparison.Ordinal) != false)
            .Select(static token => token.Id),
    ];
}

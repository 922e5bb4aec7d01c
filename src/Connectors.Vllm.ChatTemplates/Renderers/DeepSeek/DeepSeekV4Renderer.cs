namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>The prompt of DeepSeek V4, as vLLM's tokenizer mode <c>deepseek_v4</c> writes it.</summary>
internal sealed class DeepSeekV4Renderer : DeepSeekTurnRenderer
{
    /// <inheritdoc/>
    protected override string Gap => "";

    /// <inheritdoc/>
    protected override string CallsBlock => "tool_calls";

    /// <inheritdoc/>
    protected override string ToolsSection => DeepSeekV4Texts.Tools;

    /// <inheritdoc/>
    protected override string? ReadEffort(PromptValue? effort) => effort?.StringOrNull switch
    {
        "none" => null,
        "max" => DeepSeekV4Texts.MaxEffort,
        "low" or "minimal" or "medium" => "",
        _ => DeepSeekV4Texts.HighEffort,
    };

    /// <inheritdoc/>
    protected override IReadOnlyList<PromptText> ReadContent(PromptMessage message)
    {
        // A tool result of text parts only is one text; a reference to a tool keeps the list, which cannot show it.
        if (message is { Role: "tool", Content.IsArray: true })
        {
            var parts = message.Content.Items;
            return parts.Any(part => part["type"]!.Text == "tool_reference")
                ? [.. parts.Select(part => part["type"]!.Text == "text"
                    ? PromptText.Content(PromptMessage.PartText(part))
                    : PromptText.Content($"[Unsupported {part["type"]!.Text}]"))]
                : [PromptText.Content(string.Join('\n', TextParts.Of(message)))];
        }

        return message.Content is { IsArray: true } content && content.Items.Any(IsImage)
            ? [.. content.Items.Select(part => IsImage(part)
                ? PromptText.Markup(DeepSeekMarkup.Image)
                : PromptText.Content(PromptMessage.PartText(part)))]
            : [.. TextParts.Of(message).Select(PromptText.Content)];
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<PromptTool> ReadTools(PromptMessage message) => message.Role == "developer" ? PromptTool.OfMessage(message) : [];

    /// <inheritdoc/>
    protected override bool IsOpener(DeepSeekTurn turn, int index) => turn.Role is "user" or "developer";

    /// <inheritdoc/>
    protected override bool OpensAssistant(DeepSeekTurn turn, int index, bool assistantFollowsOrLast) =>
        turn.Role is "user" or "developer" || (turn.Role == "system" && assistantFollowsOrLast);

    /// <inheritdoc/>
    protected override void AppendHead(PromptBuilder prompt, DeepSeekTurn turn, int index, string? effort) =>
        prompt.Markup(index == 0 ? effort ?? "" : "");

    private static bool IsImage(PromptValue part) => part["type"]!.Text is "image_url" or "input_image" or "image_pil" or "image";
}

namespace Connectors.Vllm.ChatTemplates.Renderers;

/// <summary>The texts of a message's content as vLLM's Python front end reads them.</summary>
internal static class TextParts
{
    private const string BillingHeader = "x-anthropic-billing-header";

    /// <summary>The text of every part, in order; a plain string is one text. Parts without text (images…) are refused.</summary>
    /// <exception cref="ChatTemplateException">A part is not text.</exception>
    public static List<string> Of(PromptMessage message)
    {
        if (message.Content is not { } content)
        {
            return [];
        }

        List<string> texts = content.IsString ? [content.Text] : [.. content.Items.Select(part => TextOf(message, part))];
        if (message.Role == "system")
        {
            for (var i = 0; i < texts.Count; i++)
            {
                texts[i] = WithoutBillingHeader(texts[i]);
            }
        }

        return texts;
    }

    /// <summary>All texts as one; a list's empty texts are dropped and the rest is joined by a line feed.</summary>
    public static string Joined(PromptMessage message) => string.Join('\n', Of(message).Where(text => text.Length > 0));

    private static string TextOf(PromptMessage message, PromptValue part) => part["type"]!.Text switch
    {
        "text" or "input_text" or "output_text" => PromptMessage.PartText(part),
        "refusal" => PromptMessage.PartText(part, "refusal"),
        "thinking" => PromptMessage.PartText(part, "thinking"),
        "tool_reference" => PromptMessage.PartText(part, "name"),
        var type => throw message.Error($"a content part of type '{type}' cannot be rendered for this model; it takes text"),
    };

    /// <summary>Some clients put an accounting line before their system prompt; it changes with every request and is not meant for the model.</summary>
    private static string WithoutBillingHeader(string text) =>
        text.StartsWith(BillingHeader, StringComparison.Ordinal) ? text[(text.IndexOf('\n', StringComparison.Ordinal) is var end && end < 0 ? text.Length : end + 1)..] : text;
}

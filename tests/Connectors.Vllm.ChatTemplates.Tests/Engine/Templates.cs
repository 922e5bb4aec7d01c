using System.Text.Json;

namespace Connectors.Vllm.ChatTemplates.Tests.Engine;

/// <summary>Shorthand for rendering in tests.</summary>
internal static class Templates
{
    public static RenderedPrompt Render(
        string template, string? messages = null, object? tools = null, Dictionary<string, object?>? kwargs = null,
        ChatTemplateOptions? options = null) =>
        ChatTemplate.Parse(template, options).Render(new ChatTemplateInput
        {
            Messages = messages is null ? null : JsonDocument.Parse(messages).RootElement,
            Tools = tools,
            Kwargs = kwargs,
        });

    public static string Text(string template, string? messages = null) => Render(template, messages).Text;

    /// <summary>The prompt with every content range in ⟦brackets⟧.</summary>
    public static string Marked(this RenderedPrompt prompt)
    {
        var text = prompt.Text;
        foreach (var range in prompt.Content.Reverse())
        {
            text = text.Insert(range.End.Value, "⟧").Insert(range.Start.Value, "⟦");
        }

        return text;
    }

    public static ChatTemplateException Fails(string template, string? messages = null, ChatTemplateOptions? options = null) =>
        Assert.Throws<ChatTemplateException>(() => Render(template, messages, options: options));
}

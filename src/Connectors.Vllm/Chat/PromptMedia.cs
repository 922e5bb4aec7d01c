using System.Globalization;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using static Connectors.Vllm.TemplateMessage;

namespace Connectors.Vllm;

/// <summary>
/// Matches the media of a conversation with its prompt. Servers assign media to placeholders by their order, and silently ignore media without a
/// placeholder.
/// </summary>
internal static class PromptMedia
{
    /// <summary>
    /// Gets the media in the order of their placeholders in the prompt, because a conversation may have been reordered for its template.
    /// </summary>
    /// <param name="conversation">The conversation before it was reordered.</param>
    /// <param name="messages">The messages that were rendered.</param>
    /// <param name="prompt">Their prompt, before marks are replaced by placeholders.</param>
    public static IReadOnlyList<MediaItem> InOrder(
        TemplateConversation conversation, List<Dictionary<string, object?>> messages, string prompt)
    {
        var media = conversation.Media;
        if (media.Count < 2)
        {
            return media;
        }

        int[] order = conversation.MediaParts.Count > 0
            ? [.. messages.SelectMany(static message => message["content"] as List<object?> ?? []).OfType<object>()
                .Where(conversation.MediaParts.ContainsKey).Select(part => conversation.MediaParts[part])]
            : [.. MediaMarks.In(prompt).Select(static mark => mark.Index)];
        return order.Length == media.Count && order.Distinct().Count() == order.Length ? [.. order.Select(index => media[index])] : media;
    }

    /// <summary>
    /// What of the media is missing. Where contents are lists, the conversation is rendered again without them, once for each kind of media under a
    /// role, unless probing has seen that it is printed.
    /// </summary>
    /// <param name="messages">The messages that were rendered.</param>
    /// <param name="prompt">Their prompt, before marks are replaced by placeholders.</param>
    /// <param name="traits">The traits of the template.</param>
    /// <param name="abilities">The abilities of the template.</param>
    /// <param name="render">Renders other messages in the same way.</param>
    /// <returns>A description of the missing media, their position, and what to do about it; null if nothing is missing.</returns>
    public static string? FindLoss(
        IReadOnlyList<Dictionary<string, object?>> messages, string prompt, TemplateTraits traits, VllmTemplateAbilities abilities,
        Func<List<Dictionary<string, object?>>, string> render)
    {
        var seen = new HashSet<(string? Role, string Kind)>();
        if (traits is { ContentFormat: ChatContentFormat.OpenAI } && abilities.PrintsImages)
        {
            seen.Add(("user", "image"));
        }

        if (traits.PrintsResultImages)
        {
            seen.Add(("tool", "image"));
        }

        HashSet<string> printed = [.. MediaMarks.In(prompt).Select(static mark => mark.Text)];
        for (var i = 0; i < messages.Count; i++)
        {
            var (role, content) = (Role(messages[i]), messages[i]["content"]);
            var missing = content switch
            {
                string text => MediaMarks.In(text).Any(mark => !printed.Contains(mark.Text)) ? "media" : null,
                List<object?> parts => parts.Select(KindOf).OfType<string>().Distinct(StringComparer.Ordinal)
                    .FirstOrDefault(kind => seen.Add((role, kind)) && !IsPrinted(messages, role, kind, prompt, render)),
                _ => null,
            };
            if (missing is not null)
            {
                return string.Create(CultureInfo.InvariantCulture, $"The chat template omits the {missing} of message {i + 1} of {messages.Count} ")
                    + $"(role '{role}'), so the model would not see it. The model may not take this kind of content, or not in this "
                    + "role; its template may need VllmGrpcOptions.ImagePlaceholder and ImageToken, or ContentFormat. To send the rest alone, set "
                    + "VllmGrpcOptions.AllowIncompletePrompts.";
            }
        }

        return null;
    }

    private static bool IsPrinted(
        IReadOnlyList<Dictionary<string, object?>> messages, string? role, string kind, string prompt,
        Func<List<Dictionary<string, object?>>, string> render)
    {
        List<Dictionary<string, object?>> others = [.. messages.Select(message => Role(message) == role && message["content"] is List<object?> parts
            ? With(message, "content", parts.FindAll(part => KindOf(part) != kind))
            : message)];
        try
        {
            var without = render(others);
            var asData = $"'type': '{kind}'";
            return prompt != without
                && (!prompt.Contains(asData, StringComparison.Ordinal) || without.Contains(asData, StringComparison.Ordinal));
        }
        catch (ChatTemplateException)
        {
            // The template minds that they are gone.
            return true;
        }
    }

    /// <summary>Gets the type of a part that only represents media.</summary>
    private static string? KindOf(object? part) =>
        part is Dictionary<string, object?> { Count: 1 } only ? only.GetValueOrDefault("type") as string : null;
}

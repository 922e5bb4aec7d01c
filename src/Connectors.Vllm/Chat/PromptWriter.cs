using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Renders a conversation. Templates differ in what they put up with; a conversation that one refuses is offered in a second shape (arguments as
/// text, merged turns) before the template's own complaint reaches the caller.
/// </summary>
internal static class PromptWriter
{
    /// <exception cref="ChatTemplateException">The template refuses the conversation in every shape.</exception>
    public static ChatPrompt Write(
        VllmModelProfile profile,
        PromptRenderer renderer,
        VllmGrpcOptions settings,
        IReadOnlyList<ChatMessage> messages,
        string? instructions,
        TemplateVariables variables,
        RequestTools tools,
        VllmExtras extras,
        ILogger logger)
    {
        TemplateConversation conversation = Map(renderer.NeedsArgumentText);
        if (conversation.IsEmpty)
        {
            throw new ArgumentException("There is nothing to say: the conversation has no messages and ChatOptions.Instructions is empty.", nameof(messages));
        }

        RenderedPrompt rendered;
        try
        {
            rendered = Render(conversation.Messages);
        }
        catch (ChatTemplateException first)
        {
            rendered = RenderOtherwise(first, ref conversation);
        }

        IReadOnlyList<string> placeholders = renderer.Traits.ContentFormat == ChatContentFormat.String ? Placeholders(conversation.Media) : [];
        (string text, IReadOnlyList<Range> content) = MediaMarks.Replace(rendered.Text, rendered.Content, placeholders);
        return new ChatPrompt(text, content, conversation.Media, conversation.CallIds);

        TemplateConversation Map(bool argumentsAsText, TemplateTraits? traits = null) =>
            ConversationMapper.Map(messages, instructions, traits ?? renderer.Traits, !settings.SendReasoningHistory, argumentsAsText, logger);

        RenderedPrompt Render(List<Dictionary<string, object?>> shaped) => renderer.Renderer.Render(new ChatTemplateInput
        {
            Messages = shaped,
            Tools = tools.ForTemplate,
            Documents = extras.Documents,
            AddGenerationPrompt = !extras.ContinueFinalMessage,
            ContinueFinalMessage = extras.ContinueFinalMessage,
            Kwargs = variables.Values,
            SpecialTokens = profile.Templates.SpecialTokens,
        });

        RenderedPrompt RenderOtherwise(ChatTemplateException first, ref TemplateConversation current)
        {
            if (renderer.Traits is { ContentFormat: ChatContentFormat.OpenAI, MixedContent: false })
            {
                // Templates that loop over parts in user messages may still concatenate the content of others.
                TemplateTraits mixed = renderer.Traits with { MixedContent = true };
                TemplateConversation asStrings = Map(renderer.NeedsArgumentText, mixed);
                try
                {
                    RenderedPrompt result = Render(asStrings.Messages);
                    renderer.Traits = mixed;
                    current = asStrings;
                    return result;
                }
                catch (ChatTemplateException)
                {
                    // The lists were not the problem.
                }
            }

            if (!renderer.NeedsArgumentText && current.CallIds.Count > 0)
            {
                TemplateConversation asText = Map(argumentsAsText: true);
                try
                {
                    RenderedPrompt result = Render(asText.Messages);
                    renderer.NeedsArgumentText = true;
                    current = asText;
                    return result;
                }
                catch (ChatTemplateException)
                {
                    // The arguments were not the problem.
                }
            }

            List<Dictionary<string, object?>>? repaired = HistoryRepair.Apply(current.Messages);
            if (repaired is not null)
            {
                try
                {
                    RenderedPrompt result = Render(repaired);
                    Log.HistoryRepaired(logger);
                    Log.HistoryRefused(logger, first.Reason); // A template may put message text into it.
                    return result;
                }
                catch (ChatTemplateException)
                {
                    // The order of turns was not the problem either: the first complaint is the one to see.
                }
            }

            throw first;
        }

        string[] Placeholders(IReadOnlyList<MediaItem> media)
        {
            var texts = new string[media.Count];
            var numbers = new Dictionary<MediaKind, int>();
            for (int i = 0; i < texts.Length; i++)
            {
                MediaKind kind = media[i].Kind;
                numbers[kind] = numbers.GetValueOrDefault(kind) + 1;
                texts[i] = PlaceholderOf(profile, settings, kind)?.Number(numbers[kind]) ?? throw new NotSupportedException(
                    $"How the model '{profile.ModelId}' (model type '{profile.ModelType}') marks {kind.ToString().ToLowerInvariant()} content in a prompt is not known. "
                    + "Set VllmGrpcOptions.ImagePlaceholder and ImageToken, or use a chat template that prints the marks itself.");
            }

            return texts;
        }
    }

    internal static MediaPlaceholder? PlaceholderOf(VllmModelProfile profile, VllmGrpcOptions settings, MediaKind kind)
    {
        MediaPlaceholder? known = MediaPlaceholder.For(kind, profile.ModelType);
        if (kind != MediaKind.Image || (settings.ImagePlaceholder is null && settings.ImageToken is null))
        {
            return known;
        }

        string text = settings.ImagePlaceholder ?? known?.Text ?? settings.ImageToken!;
        return new MediaPlaceholder(text, settings.ImageToken ?? known?.Anchor ?? text);
    }
}

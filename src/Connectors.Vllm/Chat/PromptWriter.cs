using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Renders a conversation. Templates differ in what they put up with; a conversation that one refuses is offered in other shapes before the template's own
/// complaint reaches the caller. Made for one request.
/// </summary>
internal sealed class PromptWriter(
    VllmModelProfile profile, PromptRenderer renderer, VllmGrpcOptions settings, TemplateVariables variables, RequestTools tools, VllmExtras extras, ILogger logger)
{
    /// <exception cref="ArgumentException">There are neither messages nor instructions.</exception>
    /// <exception cref="ChatTemplateException">The template refuses the conversation in every shape.</exception>
    public ChatPrompt Write(IReadOnlyList<ChatMessage> messages, string? instructions)
    {
        var plain = Map(messages, instructions, renderer.Traits, renderer.NeedsArgumentText);
        if (plain.IsEmpty)
        {
            throw new ArgumentException("The request is empty: it has no messages, and ChatOptions.Instructions is not set.", nameof(messages));
        }

        (var rendered, var conversation) = RenderInSomeShape(messages, instructions, plain);
        IReadOnlyList<string> placeholders = renderer.Traits.ContentFormat == ChatContentFormat.String ? Placeholders(conversation.Media) : [];
        (var text, var content) = MediaMarks.Replace(rendered.Text, rendered.Content, placeholders);

        // Placeholders are for templates, seams come from built-in renderers: the offsets still hold.
        return new ChatPrompt(text, content, rendered.Seams, conversation.Media, conversation.CallIds);
    }

    private (RenderedPrompt Rendered, TemplateConversation Conversation) RenderInSomeShape(
        IReadOnlyList<ChatMessage> messages, string? instructions, TemplateConversation plain)
    {
        if (TryRender(plain.Messages, out var rendered, out var first))
        {
            return (rendered, plain);
        }

        // Templates that loop over parts in user messages may still concatenate the content of others.
        if (renderer.Traits is { ContentFormat: ChatContentFormat.OpenAI, MixedContent: false } traits)
        {
            var mixed = traits with { MixedContent = true };
            var asStrings = Map(messages, instructions, mixed, renderer.NeedsArgumentText);
            if (TryRender(asStrings.Messages, out rendered, out _))
            {
                renderer.Traits = mixed;
                return (rendered, asStrings);
            }
        }

        // Templates that concatenate tool arguments need them as text.
        if (!renderer.NeedsArgumentText && plain.CallIds.Count > 0)
        {
            var asText = Map(messages, instructions, renderer.Traits, argumentsAsText: true);
            if (TryRender(asText.Messages, out rendered, out _))
            {
                renderer.NeedsArgumentText = true;
                return (rendered, asText);
            }
        }

        // Templates that insist on turns of user and assistant.
        if (HistoryRepair.Apply(plain.Messages) is { } repaired && TryRender(repaired, out rendered, out _))
        {
            Log.HistoryRepaired(logger);
            Log.HistoryRefused(logger, first.Reason); // A template may put message text into it.
            return (rendered, plain);
        }

        // None of these was the problem: the first complaint is the one to see.
        ExceptionDispatchInfo.Throw(first);
        throw first;
    }

    private bool TryRender(
        List<Dictionary<string, object?>> shaped, [NotNullWhen(true)] out RenderedPrompt? rendered, [NotNullWhen(false)] out ChatTemplateException? refusal)
    {
        try
        {
            rendered = renderer.Renderer.Render(new ChatTemplateInput
            {
                Messages = shaped,
                Tools = tools.ForTemplate,
                Documents = extras.Documents,
                AddGenerationPrompt = !extras.ContinueFinalMessage,
                ContinueFinalMessage = extras.ContinueFinalMessage,
                Kwargs = variables.Values,
                SpecialTokens = profile.Templates.SpecialTokens,
            });
            refusal = null;
            return true;
        }
        catch (ChatTemplateException refused)
        {
            rendered = null;
            refusal = refused;
            return false;
        }
    }

    private TemplateConversation Map(IReadOnlyList<ChatMessage> messages, string? instructions, TemplateTraits traits, bool argumentsAsText) =>
        ConversationMapper.Map(messages, instructions, traits, !settings.SendReasoningHistory, argumentsAsText, logger);

    private string[] Placeholders(IReadOnlyList<MediaItem> media)
    {
        var texts = new string[media.Count];
        var numbers = new Dictionary<MediaKind, int>();
        for (var i = 0; i < texts.Length; i++)
        {
            var kind = media[i].Kind;
            numbers[kind] = numbers.GetValueOrDefault(kind) + 1;
            texts[i] = MediaPlaceholder.For(kind, profile.ModelType, settings)?.Number(numbers[kind]) ?? throw NoPlaceholder(kind);
        }

        return texts;
    }

    private NotSupportedException NoPlaceholder(MediaKind kind)
    {
        var what = kind.ToString().ToLowerInvariant();
        return new NotSupportedException(profile.ModelInfo is { IsMultimodal: false }
            ? $"The model '{profile.ModelId}' takes no {what} content: its server says that it is a text model. Leave such content out, or serve a model that takes it."
            : $"How the model '{profile.ModelId}' (model type '{profile.ModelType}') marks {what} content in a prompt is not known. "
                + "Set VllmGrpcOptions.ImagePlaceholder and ImageToken, or use a chat template that prints the marks itself.");
    }
}

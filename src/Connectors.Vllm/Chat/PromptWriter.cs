using System.Runtime.ExceptionServices;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Renders a conversation. Templates differ in what they put up with; a conversation that one refuses is offered in other shapes before the
/// template's own complaint reaches the caller. Made for one request.
/// </summary>
internal sealed class PromptWriter(
    VllmModelProfile profile, PromptRenderer renderer, VllmGrpcOptions settings, TemplateVariables variables, RequestTools tools, VllmExtras extras,
    ILogger logger)
{
    private readonly LeftOutContents _leftOut = new();

    /// <exception cref="ArgumentException">There are neither messages nor instructions.</exception>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or leaves something of it out, in every shape.</exception>
    public ChatPrompt Write(IReadOnlyList<ChatMessage> messages, string? instructions)
    {
        messages = ForeignContents.Translate(messages, _leftOut);
        ChatTemplateException? first = null;
        foreach (var (traits, abilities) in Shapes())
        {
            var conversation = Map(messages, instructions, traits, abilities.NeedsArgumentText);
            if (conversation.IsEmpty)
            {
                throw new ArgumentException("The request is empty: it has no messages, and ChatOptions.Instructions is not set.", nameof(messages));
            }

            try
            {
                var planned = ConversationPlanner.Plan(conversation.Messages, abilities);
                var rendered = Render(planned);
                PromptLoss.Check(planned, rendered);
                if (!ReferenceEquals(planned, conversation.Messages))
                {
                    Log.HistoryRepaired(logger);
                }

                if (first is not null)
                {
                    Log.HistoryRefused(logger, first.Reason); // A template may put message text into it.
                }

                _leftOut.WriteTo(logger);
                return Finish(rendered, conversation, traits);
            }
            catch (ChatTemplateException exception)
            {
                first ??= exception;
            }
        }

        // None of the other shapes helped: the first complaint is the one to see.
        ExceptionDispatchInfo.Throw(first!);
        throw first!;
    }

    /// <summary>
    /// The shape that probing has found, and what is tried for this request alone when the template refuses even that: contents of one text as
    /// strings, the strictest order of roles, system text in front of what the user says (some templates print it only when the user speaks last).
    /// </summary>
    private IEnumerable<(TemplateTraits Traits, VllmTemplateAbilities Abilities)> Shapes()
    {
        var (traits, abilities) = (renderer.Traits, renderer.Abilities);
        yield return (traits, abilities);
        if (traits is { ContentFormat: ChatContentFormat.OpenAI, MixedContent: false })
        {
            yield return (traits with { MixedContent = true }, abilities);
        }

        var strict = abilities with { PrintsLaterSystem = false, TakesEqualRoles = false, TakesAssistantFirst = false };
        yield return (traits, strict);
        yield return (traits, strict with { PrintsSystem = false });
    }

    private ChatPrompt Finish(RenderedPrompt rendered, TemplateConversation conversation, TemplateTraits traits)
    {
        IReadOnlyList<string> placeholders = traits.ContentFormat == ChatContentFormat.String ? Placeholders(conversation.Media) : [];
        var (text, content) = MediaMarks.Replace(rendered.Text, rendered.Content, placeholders);

        // Placeholders are for templates, seams come from built-in renderers: the offsets still hold.
        return new ChatPrompt(text, content, rendered.Seams, conversation.Media, conversation.CallIds);
    }

    private RenderedPrompt Render(List<Dictionary<string, object?>> shaped) => renderer.Renderer.Render(new ChatTemplateInput
    {
        Messages = shaped,
        Tools = tools.ForTemplate,
        Documents = extras.Documents,
        AddGenerationPrompt = !extras.ContinueFinalMessage,
        ContinueFinalMessage = extras.ContinueFinalMessage,
        Kwargs = variables.Values,
        SpecialTokens = profile.Templates.SpecialTokens,
    });

    private TemplateConversation Map(IReadOnlyList<ChatMessage> messages, string? instructions, TemplateTraits traits, bool argumentsAsText) =>
        ConversationMapper.Map(
            messages, instructions, traits, !settings.SendReasoningHistory, argumentsAsText,
            new ContentReader(profile.ModelInfo is not { IsMultimodal: false }, _leftOut, logger));

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
            ? $"The model '{profile.ModelId}' takes no {what} content: its server says that it is a text model. Leave such content out, or serve a "
                + "model that takes it."
            : $"How the model '{profile.ModelId}' (model type '{profile.ModelType}') marks {what} content in a prompt is not known. "
                + "Set VllmGrpcOptions.ImagePlaceholder and ImageToken, or use a chat template that prints the marks itself.");
    }
}

using System.Runtime.ExceptionServices;
using Connectors.Vllm.ChatTemplates;
using Connectors.Vllm.Grpc;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Renders a conversation. Templates differ in the message sequences that they accept, so a conversation that the template refuses is tried in other
/// shapes before the template's error is thrown. Used for one request.
/// </summary>
internal sealed class PromptWriter(ChatContext context, PromptRenderer renderer)
{
    private readonly OmittedContents _omitted = new();
    private ChatTemplateException? _firstRefusal;

    /// <exception cref="ArgumentException">There are neither messages nor instructions.</exception>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or omits a part of it, in every shape.</exception>
    public ChatPrompt Write(IReadOnlyList<ChatMessage> messages, string? instructions)
    {
        messages = ForeignContents.Translate(messages, _omitted);
        if (context.Extras.Get(VllmOptions.ContinueFinalMessage) == true
            && messages.Count > 0 && messages[^1].Contents.Any(static content => content is FunctionCallContent))
        {
            throw new ChatTemplateException(
                "The last message cannot be continued (continue_final_message): it calls functions, and only text can be continued. Add the results "
                + "of the calls, or remove the calls.");
        }

        foreach (var (traits, abilities, strict) in Shapes())
        {
            var conversation = Map(messages, instructions, traits, abilities.NeedsArgumentText);
            if (conversation.IsEmpty)
            {
                throw new ArgumentException("The request is empty: it has no messages, and ChatOptions.Instructions is not set.", nameof(messages));
            }

            // The caller's order of roles is kept if the template accepts it.
            var shaped = ConversationPlanner.Plan(conversation.Messages, abilities, strict);
            // A server of a text model refuses media by itself; and who writes control tokens into messages may place media so.
            var hasMedia = conversation.Media.Count > 0 && context.Profile.ModelInfo is not { IsMultimodal: false }
                && !(context.Extras.Get(VllmOptions.AllowControlTokens) ?? context.Settings.AllowControlTokensInContent);
            var rendered = TryRender(shaped, traits, abilities, hasMedia);
            if (rendered is null && ConversationPlanner.Order(shaped, abilities) is var ordered && !ReferenceEquals(ordered, shaped))
            {
                shaped = ordered;
                rendered = TryRender(shaped, traits, abilities, hasMedia);
            }

            if (rendered is not null)
            {
                if (!ReferenceEquals(shaped, conversation.Messages))
                {
                    Log.HistoryRepaired(context.Logger);
                }

                if (_firstRefusal is not null)
                {
                    Log.HistoryRefused(context.Logger, _firstRefusal.Reason); // A template may put message text into it.
                }

                _omitted.WriteTo(context.Logger);
                return Finish(rendered, conversation, shaped, traits);
            }
        }

        // No shape was accepted; the first error is the most helpful one.
        ExceptionDispatchInfo.Throw(_firstRefusal!);
        throw _firstRefusal!;
    }

    /// <summary>
    /// Yields the shape found by probing the template, followed by the fallbacks for this request: single texts as strings or as lists; text beside
    /// calls as a message of its own; the strict order of roles, with the system text before that of the user (some templates print it only if the
    /// user's message is the last); calls and results as text.
    /// </summary>
    private IEnumerable<(TemplateTraits Traits, VllmTemplateAbilities Abilities, bool Strict)> Shapes()
    {
        var (traits, abilities) = (renderer.Traits, renderer.Abilities);
        yield return (traits, abilities, false);
        if (traits is { ContentFormat: ChatContentFormat.OpenAI, MixedContent: false })
        {
            yield return (traits with { MixedContent = true }, abilities, false);
        }

        if (abilities is { PrintsToolCalls: true, PrintsTextBesideCalls: true })
        {
            yield return (traits, abilities with { PrintsTextBesideCalls = false }, false);
        }

        if (traits is { ContentFormat: ChatContentFormat.OpenAI, MixedContent: true })
        {
            yield return (traits with { MixedContent = false }, abilities, false);
        }

        traits = traits with { KnowsDeveloperRole = false };
        var ordered = abilities with { PrintsLaterSystem = false, TakesEqualRoles = false, TakesAssistantFirst = false };
        yield return (traits, ordered, true);
        yield return (traits, ordered with { PrintsSystem = false }, true);
        if (abilities.PrintsToolCalls || abilities.PrintsToolResults)
        {
            var enabled = ordered with { PrintsToolCalls = false, PrintsToolResults = false };
            yield return (traits, enabled, true);
            yield return (traits, enabled with { PrintsSystem = false }, true);
        }
    }

    /// <returns>The prompt, or null if the template refuses the messages or omits a part of them.</returns>
    private RenderedPrompt? TryRender(
        List<Dictionary<string, object?>> messages, TemplateTraits traits, VllmTemplateAbilities abilities, bool hasMedia)
    {
        try
        {
            var rendered = Render(messages, traits);
            var loss = PromptLoss.Find(messages, rendered);
            loss ??= hasMedia ? PromptMedia.FindLoss(messages, rendered.Text, traits, abilities, other => Render(other, traits).Text) : null;
            if (loss is not null)
            {
                if (!context.Settings.AllowIncompletePrompts)
                {
                    throw new ChatTemplateException(loss);
                }

                Log.IncompletePrompt(context.Logger, loss);
            }

            return rendered;
        }
        catch (ChatTemplateException exception)
        {
            _firstRefusal ??= exception;
            return null;
        }
    }

    private ChatPrompt Finish(
        RenderedPrompt rendered, TemplateConversation conversation, List<Dictionary<string, object?>> shaped, TemplateTraits traits)
    {
        IReadOnlyList<string> placeholders = traits.ContentFormat == ChatContentFormat.String ? Placeholders(conversation.Media) : [];
        var (text, content) = MediaMarks.Replace(rendered.Text, rendered.Content, placeholders);

        // Only templates use placeholders and only built-in renderers set boundaries, so the offsets remain valid.
        return new ChatPrompt(
            text, content, rendered.Boundaries, PromptMedia.InOrder(conversation, shaped, rendered.Text), conversation.CallIds);
    }

    private RenderedPrompt Render(List<Dictionary<string, object?>> messages, TemplateTraits traits) => renderer.Renderer.Render(new ChatTemplateInput
    {
        Messages = messages,
        Tools = context.Tools.ForTemplate ?? (traits.NeedsToolList ? [] : null),
        Documents = (List<object?>?)context.Extras.Get(VllmOptions.Documents),
        AddGenerationPrompt = context.Extras.Get(VllmOptions.ContinueFinalMessage) != true,
        ContinueFinalMessage = context.Extras.Get(VllmOptions.ContinueFinalMessage) == true,
        Kwargs = context.Variables.Values,
        SpecialTokens = context.Profile.Templates.SpecialTokens,
    });

    private TemplateConversation Map(
        IReadOnlyList<ChatMessage> messages, string? instructions, TemplateTraits traits, bool argumentsAsText) =>
        ConversationMapper.Map(
            messages, instructions, traits, !context.Settings.SendReasoningHistory, argumentsAsText,
            new ContentReader(kind => ShowsInResults(kind, traits), _omitted, context.Logger));

    private bool ShowsInResults(MediaKind kind, TemplateTraits traits) => context.Profile.ModelInfo is not { IsMultimodal: false }
        && (traits.ContentFormat == ChatContentFormat.String
            ? MediaPlaceholder.For(kind, context.Profile.ModelType, context.Settings) is not null
            : kind == MediaKind.Image && traits.PrintsResultImages);

    private string[] Placeholders(IReadOnlyList<MediaItem> media)
    {
        var texts = new string[media.Count];
        var numbers = new Dictionary<MediaKind, int>();
        for (var i = 0; i < texts.Length; i++)
        {
            var kind = media[i].Kind;
            numbers[kind] = numbers.GetValueOrDefault(kind) + 1;
            texts[i] = MediaPlaceholder.For(kind, context.Profile.ModelType, context.Settings)?.Number(numbers[kind]) ?? throw NoPlaceholder(kind);
        }

        return texts;
    }

    private NotSupportedException NoPlaceholder(MediaKind kind)
    {
        var what = kind.ToString().ToLowerInvariant();
        return new NotSupportedException(context.Profile.ModelInfo is { IsMultimodal: false }
            ? $"The model '{context.Profile.ModelId}' does not accept {what} content: the server reports a text model. "
                + "Remove such content, or serve a model that accepts it."
            : $"It is unknown how the model '{context.Profile.ModelId}' (model type '{context.Profile.ModelType}') represents {what} content in a "
                + "prompt. Set VllmGrpcOptions.ImagePlaceholder and ImageToken, or use a chat template that writes the placeholders itself.");
    }
}

/// <summary>A rendered prompt.</summary>
/// <param name="Text">The prompt.</param>
/// <param name="Content">The ranges that came from message content, in UTF-16 code units.</param>
/// <param name="Boundaries">The ascending offsets that no token may cross, in UTF-16 code units.</param>
/// <param name="Media">The media, in the order of their anchors.</param>
/// <param name="CallIds">The ids of earlier tool calls.</param>
internal sealed record ChatPrompt(
    string Text, IReadOnlyList<Range> Content, IReadOnlyList<int> Boundaries, IReadOnlyList<MediaItem> Media, IReadOnlySet<string> CallIds)
{
    /// <summary>Enough of the end to detect an open reasoning block.</summary>
    private const int TailLength = 4096;

    public string Tail => Text.Length <= TailLength ? Text : Text[^TailLength..];
}

/// <summary>
/// The additional variables of a template (chat_template_kwargs), merged from options, <see cref="ChatOptions.Reasoning"/> and the request.
/// </summary>
/// <param name="Values">The variables.</param>
/// <param name="Thinking">Whether the request enables thinking; null if it does not specify it.</param>
internal sealed record TemplateVariables(Dictionary<string, object?> Values, bool? Thinking)
{
    /// <summary>Names that are not variables but parts of the request, which vLLM ignores or refuses as well.</summary>
    private static readonly string[] Reserved = ["chat_template", "tokenize", "add_generation_prompt", "continue_final_message"];

    private static readonly string[] Refused = ["messages", "tools"];

    /// <exception cref="ArgumentException">The request's variables would replace its messages or tools.</exception>
    public static TemplateVariables From(ChatOptions? options, VllmExtras extras, VllmGrpcOptions settings, TemplateTraits traits)
    {
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        Merge(values, (Dictionary<string, object?>?)PlainValue.From(settings.ChatTemplateArguments));
        bool? thinking = null;
        var effort = extras.Get(VllmOptions.ReasoningEffort) ?? EffortName(options?.Reasoning?.Effort, traits);
        if (effort is not null)
        {
            // As vLLM does for its reasoning_effort field; DeepSeek, Kimi and Granite templates call the same switch "thinking".
            thinking = effort != "none";
            values["reasoning_effort"] = effort;
            values["enable_thinking"] = thinking;
            values["thinking"] = thinking;
        }

        Merge(values, (Dictionary<string, object?>?)extras.Get(VllmOptions.ChatTemplateArguments));
        if (values.GetValueOrDefault("enable_thinking") is bool enabled)
        {
            thinking = enabled;
        }
        else if (values.GetValueOrDefault("thinking") is bool thinkingEnabled)
        {
            thinking = thinkingEnabled;
        }

        return new TemplateVariables(values, thinking);
    }

    private static void Merge(Dictionary<string, object?> target, Dictionary<string, object?>? source)
    {
        foreach ((var name, var value) in source ?? [])
        {
            if (Refused.Contains(name, StringComparer.Ordinal))
            {
                throw new ArgumentException($"chat_template_kwargs must not contain '{name}': pass messages and tools as such.");
            }

            // vLLM omits null and "auto", so that the template's own default applies.
            if (value is not (null or "auto") && !Reserved.Contains(name, StringComparer.Ordinal))
            {
                target[name] = value;
            }
        }
    }

    private static string? EffortName(ReasoningEffort? effort, TemplateTraits traits) => effort switch
    {
        ReasoningEffort.None => "none",
        ReasoningEffort.Low => "low",
        ReasoningEffort.Medium => "medium",
        ReasoningEffort.High => "high",
        ReasoningEffort.ExtraHigh => traits.KnowsExtraHigh ? "xhigh" : traits.KnowsMaximum ? "max" : "high",
        _ => null,
    };
}

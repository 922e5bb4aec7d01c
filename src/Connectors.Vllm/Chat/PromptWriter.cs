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
internal sealed class PromptWriter(ChatContext context, PromptRenderer renderer)
{
    private readonly LeftOutContents _leftOut = new();
    private ChatTemplateException? _firstRefusal;

    /// <exception cref="ArgumentException">There are neither messages nor instructions.</exception>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or leaves something of it out, in every shape.</exception>
    public ChatPrompt Write(IReadOnlyList<ChatMessage> messages, string? instructions)
    {
        messages = ForeignContents.Translate(messages, _leftOut);
        foreach (var (traits, abilities, strict) in Shapes())
        {
            var conversation = Map(messages, instructions, traits, abilities.NeedsArgumentText);
            if (conversation.IsEmpty)
            {
                throw new ArgumentException("The request is empty: it has no messages, and ChatOptions.Instructions is not set.", nameof(messages));
            }

            // The caller's order of roles counts as long as the template takes it.
            var shaped = ConversationPlanner.Plan(conversation.Messages, abilities, strict);
            var rendered = TryRender(shaped, traits);
            if (rendered is null && ConversationPlanner.Order(shaped, abilities) is var ordered && !ReferenceEquals(ordered, shaped))
            {
                shaped = ordered;
                rendered = TryRender(shaped, traits);
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

                _leftOut.WriteTo(context.Logger);
                return Finish(rendered, conversation, traits);
            }
        }

        // None of the other shapes helped: the first complaint is the one to see.
        ExceptionDispatchInfo.Throw(_firstRefusal!);
        throw _firstRefusal!;
    }

    /// <summary>
    /// The shape that probing has found, and what is tried for this request alone when the template refuses even that: contents of one text as
    /// strings or lists; text of its own beside calls; everything where a strict template wants it, system text in front of what the user says (some
    /// templates print it only when the user speaks last); context.Tools as text.
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
            var said = ordered with { PrintsToolCalls = false, PrintsToolResults = false };
            yield return (traits, said, true);
            yield return (traits, said with { PrintsSystem = false }, true);
        }
    }

    /// <returns>The prompt, or null when the template refuses the messages or leaves something of them out.</returns>
    private RenderedPrompt? TryRender(List<Dictionary<string, object?>> messages, TemplateTraits traits)
    {
        try
        {
            var rendered = Render(messages, traits);
            if (PromptLoss.Find(messages, rendered) is { } loss)
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

    private ChatPrompt Finish(RenderedPrompt rendered, TemplateConversation conversation, TemplateTraits traits)
    {
        IReadOnlyList<string> placeholders = traits.ContentFormat == ChatContentFormat.String ? Placeholders(conversation.Media) : [];
        var (text, content) = MediaMarks.Replace(rendered.Text, rendered.Content, placeholders);

        // Placeholders are for templates, boundaries come from built-in renderers: the offsets still hold.
        return new ChatPrompt(text, content, rendered.Boundaries, conversation.Media, conversation.CallIds);
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
            new ContentReader(kind => ShowsInResults(kind, traits), _leftOut, context.Logger));

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

/// <summary>A rendered prompt with everything that was learned on the way.</summary>
/// <param name="Text">The prompt.</param>
/// <param name="Content">Ranges of it that came from message content, in UTF-16 units.</param>
/// <param name="Boundaries">Offsets where it is encoded anew, in UTF-16 units; rising.</param>
/// <param name="Media">The media, in the order of their anchors.</param>
/// <param name="CallIds">Ids of earlier tool calls.</param>
internal sealed record ChatPrompt(
    string Text, IReadOnlyList<Range> Content, IReadOnlyList<int> Boundaries, IReadOnlyList<MediaItem> Media, IReadOnlySet<string> CallIds)
{
    /// <summary>Enough of the end to see whether reasoning is open.</summary>
    private const int TailLength = 4096;

    public string Tail => Text.Length <= TailLength ? Text : Text[^TailLength..];
}

/// <summary>
/// The extra variables a template sees (chat_template_kwargs), merged from options, <see cref="ChatOptions.Reasoning"/> and the request.
/// </summary>
/// <param name="Values">The variables.</param>
/// <param name="Thinking">Whether the request asked for thinking; null when it says nothing.</param>
internal sealed record TemplateVariables(Dictionary<string, object?> Values, bool? Thinking)
{
    /// <summary>Names that are not variables but parts of the request; vLLM ignores or refuses them here.</summary>
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
            // As vLLM does for its reasoning_effort field; "thinking" is what DeepSeek, Kimi and Granite templates call the same switch.
            thinking = effort != "none";
            values["reasoning_effort"] = effort;
            values["enable_thinking"] = thinking;
            values["thinking"] = thinking;
        }

        Merge(values, (Dictionary<string, object?>?)extras.Get(VllmOptions.ChatTemplateArguments));
        if (values.GetValueOrDefault("enable_thinking") is bool said)
        {
            thinking = said;
        }
        else if (values.GetValueOrDefault("thinking") is bool saidElsewhere)
        {
            thinking = saidElsewhere;
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

            // vLLM drops null and "auto", so that the template's own default shows through.
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

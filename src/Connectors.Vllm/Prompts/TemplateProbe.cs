using Connectors.Vllm.ChatTemplates;

namespace Connectors.Vllm;

/// <summary>The input of every conversation that is rendered to probe a template.</summary>
/// <param name="SpecialTokens">The model's special tokens.</param>
/// <param name="Arguments">The template arguments of all requests of the client.</param>
/// <param name="HasTools">Whether to probe for requests with tools.</param>
internal sealed record ProbeInput(IReadOnlyDictionary<string, object?>? SpecialTokens, IReadOnlyDictionary<string, object?>? Arguments,
    bool HasTools);

/// <summary>
/// Detects what a template prints by rendering about twenty conversations with one word per message. Used once per template, when a model is loaded.
/// A template that does not terminate costs little, because the steps of a probe are limited.
/// </summary>
internal sealed class TemplateProbe
{
    /// <summary>The step limit of a probe; real templates take a few thousand steps.</summary>
    private const long MaxSteps = 200_000;

    private const string SystemText = "probesystem";
    private const string UserText = "probeuser";
    private const string LaterText = "probelater";
    private const string AssistantText = "probeassistant";
    private const string ReasoningText = "probereasoning";

    private static readonly object?[] Declarations =
    [
        new Dictionary<string, object?>
        {
            ["type"] = "function",
            ["function"] = new Dictionary<string, object?>
            {
                ["name"] = "declared",
                ["description"] = "A tool.",
                ["parameters"] = new Dictionary<string, object?>
                {
                    ["type"] = "object",
                    ["properties"] = new Dictionary<string, object?> { ["key"] = new Dictionary<string, object?> { ["type"] = "string" } },
                },
            },
        },
    ];

    private readonly ChatPromptRenderer _renderer;
    private readonly TemplateTraits _traits;
    private readonly ProbeInput _input;

    private TemplateProbe(ChatPromptRenderer renderer, TemplateTraits traits, ProbeInput input)
    {
        _renderer = renderer;
        _traits = traits;
        _input = input;
    }

    /// <summary>Creates the renderer to probe, with a step limit for templates. Shared by the probes with and without tools.</summary>
    public static ChatPromptRenderer Bounded(ChatPromptRenderer renderer) => renderer is ChatTemplate template
        ? ChatTemplate.Parse(template.Source, new ChatTemplateOptions { MaxSteps = MaxSteps })
        : renderer;

    /// <param name="renderer">The template or built-in renderer, from <see cref="Bounded"/>.</param>
    /// <param name="traits">The traits detected from its source.</param>
    /// <param name="input">The input of every conversation.</param>
    /// <returns>The traits, corrected by the probes, and the abilities of the template.</returns>
    public static (TemplateTraits Traits, VllmTemplateAbilities Abilities) Run(ChatPromptRenderer renderer, TemplateTraits traits, ProbeInput input)
    {
        var probe = new TemplateProbe(renderer, traits, input);
        if (traits is { ContentFormat: ChatContentFormat.OpenAI, MixedContent: false } && !probe.PrintsPlainTurns())
        {
            // Templates that loop over parts in user messages may still concatenate the content of others.
            var mixed = new TemplateProbe(renderer, traits with { MixedContent = true }, input);
            probe = mixed.PrintsPlainTurns() ? mixed : probe;
        }

        var isKnown = probe.PrintsUser();
        if (!isKnown && !input.HasTools)
        {
            // Templates for tools iterate over them without checking whether there are any.
            var listing = new TemplateProbe(renderer, probe._traits with { NeedsToolList = true }, input);
            isKnown = listing.PrintsUser();
            probe = isKnown ? listing : probe;
        }

        if (!isKnown)
        {
            return (probe._traits, new VllmTemplateAbilities { IsKnown = false });
        }

        var abilities = probe.Run();
        var images = abilities is { PrintsImages: true, PrintsToolResults: true } && probe.PrintsImage(abilities);
        var refuses = !abilities.PrintsEarlierReasoning && probe.RefusesReasoning();
        return (probe._traits with { PrintsResultImages = images, RefusesReasoning = refuses }, abilities);
    }

    private bool RefusesReasoning()
    {
        var (user, assistant, later) = (Message("user", UserText), Message("assistant", AssistantText), Message("user", LaterText));
        return TryRender([user, WithReasoning(assistant), later]) is null && TryRender([user, assistant, later]) is not null;
    }

    private bool PrintsUser() => Prints([Message("user", UserText)], UserText);

    private VllmTemplateAbilities Run()
    {
        var user = Message("user", UserText);
        var later = Message("user", LaterText);
        var system = Message("system", SystemText);
        var assistant = Message("assistant", AssistantText);
        var shape = FindCallShape();
        return shape with
        {
            PrintsSystem = Prints([system, user], SystemText, UserText),
            PrintsLaterSystem = Prints([user, assistant, system, later], UserText, AssistantText, SystemText, LaterText),
            TakesEqualRoles = Prints([user, later], UserText, LaterText)
                && Prints(
                    [user, assistant, Message("assistant", LaterText), Message("user", ReasoningText)],
                    UserText, AssistantText, LaterText, ReasoningText),
            TakesAssistantFirst = Prints([assistant, user], AssistantText, UserText),
            PrintsTextBesideCalls = !shape.PrintsToolCalls || PrintsRound(shape, AssistantText, calls: 1),
            PrintsCallIds = shape.PrintsToolCalls && (shape.CallIds == VllmCallIdShape.NineLettersAndDigits
                || (shape.CallIds == VllmCallIdShape.Any && Prints(Round(shape, null, 1, null), Id(0)))),
            PrintsParallelCalls = !shape.PrintsToolCalls || PrintsRound(shape, null, calls: 2),
            PrintsReasoning = Prints([.. Round(shape, null, 1, ReasoningText)], ReasoningText),
            PrintsEarlierReasoning = Prints([user, WithReasoning(assistant), later], ReasoningText),
            PrintsImages = PrintsImage(null),
        };
    }

    private bool PrintsPlainTurns() => Prints(
        [Message("system", SystemText), Message("user", UserText), Message("assistant", AssistantText), Message("user", LaterText)],
        SystemText, UserText, AssistantText, LaterText)
        || Prints([Message("user", UserText), Message("assistant", AssistantText), Message("user", LaterText)], UserText, AssistantText, LaterText);

    /// <summary>Finds the first shape, from the usual to the unusual, in which a call and its result are printed completely.</summary>
    private VllmTemplateAbilities FindCallShape()
    {
        var mentionsCalls = _renderer is not ChatTemplate { Source: var source } || source.Contains("tool_calls", StringComparison.Ordinal);
        foreach (var needsText in mentionsCalls ? (ReadOnlySpan<bool>)[false, true] : [])
        {
            foreach (var needsNull in (ReadOnlySpan<bool>)[false, true])
            {
                foreach (var ids in Enum.GetValues<VllmCallIdShape>())
                {
                    var shape = new VllmTemplateAbilities { NeedsArgumentText = needsText, NeedsNullContentBesideCalls = needsNull, CallIds = ids };
                    if (PrintsRound(shape, null, calls: 1))
                    {
                        return shape;
                    }
                }
            }
        }

        var usual = new VllmTemplateAbilities();
        var printsCalls = mentionsCalls && Prints(Round(usual, null, 1, null), Name(0), Argument(0));
        var asText = usual with { PrintsToolCalls = printsCalls };
        return asText with { PrintsToolResults = Prints(Round(asText, null, 1, null), Result(0)) };
    }

    private bool PrintsRound(VllmTemplateAbilities shape, string? text, int calls)
    {
        var words = Enumerable.Range(0, calls).SelectMany(static call => new[] { Name(call), Argument(call), Result(call) });
        return Prints(Round(shape, text, calls, null), [.. words, .. text is null ? Array.Empty<string>() : [text]]);
    }

    /// <summary>A question, an answer that calls tools, and their results.</summary>
    private List<Dictionary<string, object?>> Round(VllmTemplateAbilities shape, string? text, int calls, string? reasoning)
    {
        var assistant = Message("assistant", text ?? string.Empty);
        assistant["tool_calls"] = Enumerable.Range(0, calls).Select<int, object?>(call => Call(call, shape.NeedsArgumentText)).ToList();
        List<Dictionary<string, object?>> messages = [Message("user", UserText), reasoning is null ? assistant : WithReasoning(assistant)];
        messages.AddRange(Enumerable.Range(0, calls).Select(call => new Dictionary<string, object?>
        {
            ["role"] = "tool", ["content"] = Result(call), ["tool_call_id"] = Id(call),
        }));

        // Only the shape of ids and of empty content; the probe determines how calls are distributed over messages.
        return ConversationPlanner.Plan(messages, new VllmTemplateAbilities
        {
            CallIds = shape.CallIds,
            NeedsNullContentBesideCalls = shape.NeedsNullContentBesideCalls,
            PrintsToolCalls = shape.PrintsToolCalls,
        });
    }

    private Dictionary<string, object?> WithReasoning(Dictionary<string, object?> message)
    {
        var thinking = new Dictionary<string, object?>(message) { ["reasoning"] = ReasoningText, ["reasoning_content"] = ReasoningText };
        if (_traits.ReadsThinkingKey)
        {
            thinking["thinking"] = ReasoningText;
        }

        return thinking;
    }

    /// <summary>Whether an image part changes the prompt, in a user message, or in a result if there is a shape for calls.</summary>
    private bool PrintsImage(VllmTemplateAbilities? shape)
    {
        if (_traits.ContentFormat == ChatContentFormat.String)
        {
            return false;
        }

        var text = new Dictionary<string, object?> { ["type"] = "text", ["text"] = UserText };
        var image = new Dictionary<string, object?> { ["type"] = "image" };
        return TryRender(Show(text)) is { } without && TryRender(Show(image, text)) is { } with
            && with != without && with.Contains(UserText, StringComparison.Ordinal)

            // A list that is printed as data is not an image.
            && !with.Contains("'image'", StringComparison.Ordinal) && !with.Contains("\"image\"", StringComparison.Ordinal);

        List<Dictionary<string, object?>> Show(params object?[] parts)
        {
            List<object?> content = [.. parts];
            if (shape is null)
            {
                return [new() { ["role"] = "user", ["content"] = content }];
            }

            var round = Round(shape, null, 1, null);
            round[^1] = TemplateMessage.With(round[^1], "content", content);
            return round;
        }
    }

    private bool Prints(List<Dictionary<string, object?>> messages, params string[] words) =>
        TryRender(messages) is { } prompt && Array.TrueForAll(words, word => prompt.Contains(word, StringComparison.Ordinal));

    private string? TryRender(List<Dictionary<string, object?>> messages)
    {
        try
        {
            return _renderer.Render(new ChatTemplateInput
            {
                Messages = messages,
                Tools = _input.HasTools ? Declarations : _traits.NeedsToolList ? [] : null,
                Kwargs = _input.Arguments,
                SpecialTokens = _input.SpecialTokens,
                AddGenerationPrompt = true,
            }).Text;
        }
        catch (ChatTemplateException)
        {
            return null;
        }
    }

    /// <summary>Creates a message like the conversation mapper.</summary>
    private Dictionary<string, object?> Message(string role, string text) => new()
    {
        ["role"] = role,
        ["content"] = _traits.ContentFormat == ChatContentFormat.String || _traits.MixedContent
            ? text
            : new List<object?> { new Dictionary<string, object?> { ["type"] = "text", ["text"] = text } },
    };

    private static Dictionary<string, object?> Call(int call, bool asText) => new()
    {
        ["id"] = Id(call),
        ["type"] = "function",
        ["function"] = new Dictionary<string, object?>
        {
            ["name"] = Name(call),
            ["arguments"] = asText ? $$"""{"key": "{{Argument(call)}}"}""" : new Dictionary<string, object?> { ["key"] = Argument(call) },
        },
    };

    private static string Id(int call) => $"call_probe_{call}";

    private static string Name(int call) => $"probename{call}";

    private static string Argument(int call) => $"probevalue{call}";

    private static string Result(int call) => $"proberesult{call}";
}

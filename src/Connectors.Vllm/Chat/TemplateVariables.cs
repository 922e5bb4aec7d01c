using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

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
        var effort = extras.ReasoningEffort ?? EffortName(options?.Reasoning?.Effort, traits);
        if (effort is not null)
        {
            // As vLLM does for its reasoning_effort field; "thinking" is what DeepSeek, Kimi and Granite templates call the same switch.
            thinking = effort != "none";
            values["reasoning_effort"] = effort;
            values["enable_thinking"] = thinking;
            values["thinking"] = thinking;
        }

        Merge(values, extras.TemplateArguments);
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

    public JsonElement? ToJson() => Values.Count == 0 ? null : PlainJson.ToElement(writer => PlainJson.WriteValue(writer, Values));

    private static void Merge(Dictionary<string, object?> target, Dictionary<string, object?>? source)
    {
        foreach ((var name, var value) in source ?? [])
        {
            if (Refused.Contains(name, StringComparer.Ordinal))
            {
                throw new ArgumentException($"chat_template_kwargs must not hold '{name}': messages and tools are passed as such.");
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

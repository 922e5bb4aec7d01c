using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Execution settings to chat options. Semantic Kernel's own conversion does the functions and the names nobody here knows; what our settings know is
/// applied as it is, without the detour over JSON that would need reflection and loses <c>reasoning_effort: none</c>, schemas as text and 64-bit seeds.
/// </summary>
internal static class SettingsMapper
{
    public static ChatOptions? ToChatOptions(PromptExecutionSettings? settings, Kernel? kernel)
    {
        if (settings is null)
        {
            return null;
        }

        if (IsForeign(settings))
        {
            return settings.ToChatOptions(kernel);
        }

        var own = VllmPromptExecutionSettings.FromExecutionSettings(settings);
        return ToOptions(own, own.FunctionChoiceBehavior, kernel);
    }

    /// <summary>For raw text completion, which knows no functions.</summary>
    public static ChatOptions? ToCompletionOptions(PromptExecutionSettings? settings) =>
        settings is null ? null : ToOptions(VllmPromptExecutionSettings.FromExecutionSettings(settings), functions: null, kernel: null);

    private static ChatOptions ToOptions(VllmPromptExecutionSettings own, FunctionChoiceBehavior? functions, Kernel? kernel)
    {
        var rest = new PromptExecutionSettings
        {
            ModelId = own.ModelId,
            ServiceId = own.ServiceId,
            FunctionChoiceBehavior = functions,
            ExtensionData = own.ExtensionData,
        };
        var options = rest.ToChatOptions(kernel)!;
        foreach ((var name, var value) in own.Values)
        {
            Apply(options, name, value!);
        }

        return options;
    }

    /// <summary>The values of settings that are not ours, by name: extension data, or what Semantic Kernel's conversion makes of another connector's settings.</summary>
    public static IEnumerable<KeyValuePair<string, object>> LooseValues(PromptExecutionSettings settings)
    {
        if (!IsForeign(settings))
        {
            return settings.ExtensionData ?? new Dictionary<string, object>();
        }

        // The conversion asks for a kernel when functions may be called; one without any has no tools to tell of.
        var options = settings.ToChatOptions(new Kernel())!;
        var values = new Dictionary<string, object?>(options.AdditionalProperties ?? [], StringComparer.Ordinal)
        {
            ["temperature"] = options.Temperature,
            ["top_p"] = options.TopP,
            ["top_k"] = options.TopK,
            ["max_tokens"] = options.MaxOutputTokens,
            ["frequency_penalty"] = options.FrequencyPenalty,
            ["presence_penalty"] = options.PresencePenalty,
            ["seed"] = options.Seed,
            ["stop_sequences"] = options.StopSequences,
            ["chat_system_prompt"] = options.Instructions,
            ["response_format"] = options.ResponseFormat,
            ["reasoning_effort"] = EffortName(options.Reasoning?.Effort),
        };
        return values.Where(value => value.Value is not null).Select(value => KeyValuePair.Create(value.Key, value.Value!));
    }

    /// <summary>Another connector's settings: only Semantic Kernel knows how to read their properties.</summary>
    private static bool IsForeign(PromptExecutionSettings settings) =>
        settings is not VllmPromptExecutionSettings && settings.GetType() != typeof(PromptExecutionSettings);

    private static string? EffortName(ReasoningEffort? effort) => effort switch
    {
        ReasoningEffort.None => "none",
        ReasoningEffort.Low => "low",
        ReasoningEffort.Medium => "medium",
        ReasoningEffort.High => "high",
        ReasoningEffort.ExtraHigh => "xhigh",
        _ => null,
    };

    private static void Apply(ChatOptions options, string name, object value)
    {
        switch (name)
        {
            case "temperature":
                options.Temperature = (float)value;
                break;
            case "top_p":
                options.TopP = (float)value;
                break;
            case "top_k":
                options.TopK = (int)value;
                break;
            case "max_tokens":
                options.MaxOutputTokens = (int)value;
                break;
            case "frequency_penalty":
                options.FrequencyPenalty = (float)value;
                break;
            case "presence_penalty":
                options.PresencePenalty = (float)value;
                break;
            case "seed":
                options.Seed = (long)value;
                break;
            case "stop_sequences":
                options.StopSequences = [.. (IList<string>)value];
                break;
            case "chat_system_prompt":
                options.Instructions = (string)value;
                break;
            case "response_format":
                options.ResponseFormat = Format(value);
                break;
            default:
                (options.AdditionalProperties ??= [])[name] = value;
                break;
        }
    }

    private static ChatResponseFormat Format(object value) => value switch
    {
        ChatResponseFormat known => known,
        JsonElement { ValueKind: JsonValueKind.Object } schema => ChatResponseFormat.ForJsonSchema(schema),
        "json_object" => ChatResponseFormat.Json,
        "text" => ChatResponseFormat.Text,
        string json when json.TrimStart().StartsWith('{') => ChatResponseFormat.ForJsonSchema(JsonDocument.Parse(json).RootElement),
        _ => throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"response_format must be \"text\", \"json_object\" or a JSON schema, but it is {value}.")),
    };
}

using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Execution settings to chat options. Semantic Kernel's own conversion does the tools and the names it knows; our settings are then applied as they
/// are, without the detour over JSON that would need reflection.
/// </summary>
internal static class SettingsMapper
{
    public static ChatOptions? ToChatOptions(PromptExecutionSettings? settings, Kernel? kernel)
    {
        if (settings is not VllmPromptExecutionSettings own)
        {
            return settings.ToChatOptions(kernel);
        }

        var plain = new PromptExecutionSettings
        {
            ModelId = own.ModelId,
            ServiceId = own.ServiceId,
            FunctionChoiceBehavior = own.FunctionChoiceBehavior,
            ExtensionData = own.ExtensionData,
        };
        ChatOptions options = plain.ToChatOptions(kernel)!;
        foreach ((string name, object? value) in own.Values)
        {
            Apply(options, name, value!);
        }

        return options;
    }

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

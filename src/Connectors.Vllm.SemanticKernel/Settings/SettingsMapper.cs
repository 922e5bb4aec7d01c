using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Converts execution settings to chat options. Semantic Kernel's own conversion is not used, because it goes through JSON, which needs reflection,
/// fails for types as response formats, and loses <c>reasoning_effort: none</c>, schemas as text and 64-bit seeds.
/// </summary>
internal static class SettingsMapper
{
    public static ChatOptions? ToChatOptions(PromptExecutionSettings? settings)
    {
        if (settings is null)
        {
            return null;
        }

        var own = VllmPromptExecutionSettings.FromExecutionSettings(settings);
        var options = new ChatOptions { ModelId = own.ModelId };
        foreach ((var name, var value) in own.ExtensionData ?? new Dictionary<string, object>())
        {
            if (name == ToolCallBehaviors.Setting && ToolCallBehaviors.Knows(value))
            {
                continue;
            }

            (options.AdditionalProperties ??= [])[name] = value;
        }

        foreach ((var name, var value) in own.Values)
        {
            Apply(options, name, value!);
        }

        return options;
    }

    /// <summary>Gets the values of other connectors' settings by their JSON names.</summary>
    /// <exception cref="NotSupportedException">They are of a type that cannot be read in an application without reflection.</exception>
    public static IEnumerable<KeyValuePair<string, object?>> LooseValues(PromptExecutionSettings settings)
    {
        var values = (settings.ExtensionData ?? new Dictionary<string, object>()).Select(pair => KeyValuePair.Create(pair.Key, (object?)pair.Value));
        if (settings.GetType() != typeof(PromptExecutionSettings))
        {
            values = values.Concat(PropertiesOf(settings));
        }

        // Additional members of the body of an HTTP request are treated like other settings.
        return values.SelectMany(static pair => pair is { Key: "extra_body", Value: IEnumerable<KeyValuePair<string, object?>> extras }
            ? extras.Select(
                static extra => KeyValuePair.Create(extra.Key.StartsWith("$.", StringComparison.Ordinal) ? extra.Key[2..] : extra.Key, extra.Value))
            : [pair]);
    }

    /// <summary>
    /// Gets another connector's properties by their JSON names, with unchanged values, because serialization would lose their types.
    /// </summary>
    private static IEnumerable<KeyValuePair<string, object?>> PropertiesOf(PromptExecutionSettings settings)
    {
        var type = AIJsonUtilities.DefaultOptions.GetTypeInfo(settings.GetType());
        foreach (var property in type.Properties)
        {
            if (property is { Get: { } get, IsExtensionData: false }
                && property.Name is not ("service_id" or "model_id" or "function_choice_behavior") && get(settings) is { } value)
            {
                yield return KeyValuePair.Create(property.Name, (object?)value);
            }
        }
    }

    private static void Apply(ChatOptions options, string name, object value)
    {
        if (name == SettingValue.SystemPrompt)
        {
            options.Instructions = (string)value;
        }
        else if (name == SettingValue.ResponseFormat)
        {
            options.ResponseFormat = ResponseFormats.Read(value);
        }
        else if (ChatOptionNames.Find(name) is { } member)
        {
            member.Fill(options, value);
        }
        else
        {
            (options.AdditionalProperties ??= [])[name] = value;
        }
    }
}

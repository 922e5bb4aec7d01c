using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Values of the execution settings that have a property, whoever wrote them: code, a prompt file (JSON or YAML, where numbers may be text), or
/// another connector's settings, whose names for the same thing are known here. They are read by the rows that read them from chat options;
/// parameters without a property are read with the request.
/// </summary>
internal static class SettingValue
{
    public const string SystemPrompt = "chat_system_prompt";
    public const string ResponseFormat = "response_format";

    /// <summary>The parameters with a property, which has the first name of the row in JSON.</summary>
    private static readonly VllmOption[] Rows =
    [
        .. ChatOptionNames.All, VllmOptions.MinP, VllmOptions.RepetitionPenalty, VllmOptions.ChoiceCount, VllmOptions.Logprobs, VllmOptions.LogitBias,
        VllmOptions.Regex, VllmOptions.ReasoningEffort, VllmOptions.ChatTemplateArguments,
    ];

    private static readonly string[] SystemPrompts = [SystemPrompt, "chat_developer_prompt", "systemInstruction"];

    /// <summary>Gets the name of the property for a setting, or null if there is none.</summary>
    public static string? NameOf(string given) => RowOf(given)?.Name
        ?? (SystemPrompts.Contains(given, StringComparer.OrdinalIgnoreCase) ? SystemPrompt
            : given.Equals(ResponseFormat, StringComparison.OrdinalIgnoreCase) ? ResponseFormat
            : null);

    /// <summary>The value of a property; null when there is none.</summary>
    /// <param name="name">Its name, from <see cref="NameOf"/>.</param>
    /// <param name="given">The values by the names under which they were set.</param>
    /// <exception cref="ArgumentException">The value is not what the name stands for.</exception>
    public static object? Read(string name, IReadOnlyList<KeyValuePair<string, object?>> given)
    {
        var (key, value) = given[^1];
        try
        {
            return name switch
            {
                SystemPrompt => new PropertyReader(new AdditionalPropertiesDictionary { [name] = value }, key).Text(name),
                ResponseFormat => value is null or JsonElement { ValueKind: JsonValueKind.Null } ? null : ResponseFormats.Read(value),
                _ => Shown(RowOf(name)!.ReadValue(new PropertyReader(ByRow(RowOf(name)!, given), key))),
            };
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidOperationException or JsonException
            or NotSupportedException)
        {
            throw new ArgumentException($"The execution setting '{key}' cannot be used: {exception.Message}", exception);
        }
    }

    private static VllmOption? RowOf(string name) => Array.Find(Rows, row => row.HasName(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Gets the values by the names of the option.</summary>
    private static AdditionalPropertiesDictionary ByRow(VllmOption row, IReadOnlyList<KeyValuePair<string, object?>> given)
    {
        var values = new AdditionalPropertiesDictionary();
        foreach (var (key, value) in given)
        {
            var name = Array.Find(row.Aliases, alias => alias.Equals(key, StringComparison.OrdinalIgnoreCase)) ?? row.Name;

            // Other connectors have their own types for the effort, whose text is its name.
            values[name] = ReferenceEquals(row, VllmOptions.ReasoningEffort) && value is ValueType and not JsonElement
                ? value.ToString()?.ToLowerInvariant()
                : value;
        }

        return values;
    }

    /// <summary>Gets token weights in the form of the property, with text keys as in JSON.</summary>
    private static object? Shown(object? value) => value is IReadOnlyDictionary<int, float> weights
        ? weights.ToDictionary(static weight => weight.Key.ToString(CultureInfo.InvariantCulture), static weight => (object?)weight.Value)
        : value;
}

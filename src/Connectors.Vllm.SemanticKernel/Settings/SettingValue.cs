using System.Collections;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Values of execution settings by vLLM's names, whoever wrote them: code, a prompt file (JSON or YAML, where numbers may be text), or another
/// connector's settings, whose names for the same thing are known here.
/// </summary>
internal static class SettingValue
{
    public const string Logprobs = "logprobs";
    public const string TopLogprobs = "top_logprobs";

    private static readonly Dictionary<string, Func<object, object?>> Converters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["temperature"] = value => (float)Number(value),
        ["top_p"] = value => (float)Number(value),
        ["top_k"] = value => checked((int)Integer(value)),
        ["max_tokens"] = value => checked((int)Integer(value)),
        ["frequency_penalty"] = value => (float)Number(value),
        ["presence_penalty"] = value => (float)Number(value),
        ["seed"] = value => Integer(value),
        ["stop_sequences"] = Texts,
        [Logprobs] = value => Flag(value) is { } wanted ? (wanted ? 0 : null) : checked((int)Integer(value)),
        [TopLogprobs] = value => checked((int)Integer(value)),
        ["reasoning_effort"] = Effort,
        ["chat_system_prompt"] = Text,
        ["response_format"] = ResponseFormats.Read,
        ["logit_bias"] = Weights,
        ["chat_template_kwargs"] = Members,

        // The others with a property of their own, as the table of vLLM's parameters reads them; those without are read with the request.
        [VllmOptions.MinP.Name] = Row(VllmOptions.MinP),
        [VllmOptions.RepetitionPenalty.Name] = Row(VllmOptions.RepetitionPenalty),
        [VllmOptions.ChoiceCount.Name] = Row(VllmOptions.ChoiceCount),
        [VllmOptions.Regex.Name] = Row(VllmOptions.Regex),
    };

    /// <summary>What Semantic Kernel's other connectors, OpenAI's API and Ollama's call the same.</summary>
    private static readonly Dictionary<string, string> OtherNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["max_completion_tokens"] = "max_tokens",
        ["max_new_tokens"] = "max_tokens",
        ["num_predict"] = "max_tokens",
        ["repeat_penalty"] = "repetition_penalty",
        ["results_per_prompt"] = "n",
        ["stop"] = "stop_sequences",
        ["token_selection_biases"] = "logit_bias",
        ["chat_developer_prompt"] = "chat_system_prompt",
        ["systemInstruction"] = "chat_system_prompt",
    };

    /// <summary>vLLM's name of a setting, or null when it is none that is known here.</summary>
    public static string? NameOf(string name) => Converters.ContainsKey(name) ? name.ToLowerInvariant() : OtherNames.GetValueOrDefault(name);

    /// <param name="name">One of vLLM's names, from <see cref="NameOf"/>.</param>
    /// <param name="value">The value, not null.</param>
    /// <param name="givenName">The name it was given under, for the error.</param>
    /// <exception cref="ArgumentException">The value is not what the name stands for.</exception>
    public static object? Convert(string name, object? value, string givenName)
    {
        if (value is null or JsonElement { ValueKind: JsonValueKind.Null })
        {
            return null;
        }

        try
        {
            return Converters[name](value);
        }
        catch (Exception exception)
            when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException or InvalidOperationException
                or JsonException)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"The execution setting '{givenName}' does not take {value} ({value.GetType().Name})."),
                exception);
        }
    }

    private static Func<object, object?> Row<T>(VllmOption<T> option) =>
        value => option.Read(new PropertyReader(new AdditionalPropertiesDictionary { [option.Name] = value }));

    private static double Number(object value) => value switch
    {
        // Not GetDouble alone: prompt files may write numbers as text.
        JsonElement json => double.Parse(json.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture),
        bool => throw new InvalidCastException(),
        string text => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
        _ => System.Convert.ToDouble(value, CultureInfo.InvariantCulture),
    };

    private static long Integer(object value) => value switch
    {
        bool => throw new InvalidCastException(),
        JsonElement json => Integer(json.ToString()),
        string text when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
        string text => Whole(double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)),
        float or double or decimal => Whole(System.Convert.ToDouble(value, CultureInfo.InvariantCulture)),
        _ => System.Convert.ToInt64(value, CultureInfo.InvariantCulture),
    };

    private static long Whole(double value) => double.IsInteger(value) ? checked((long)value) : throw new FormatException();

    private static bool? Flag(object value) => value switch
    {
        bool flag => flag,
        JsonElement { ValueKind: JsonValueKind.True or JsonValueKind.False } json => json.GetBoolean(),
        JsonElement { ValueKind: JsonValueKind.String } json => Flag(json.GetString()!),
        string text when bool.TryParse(text, out var flag) => flag,
        _ => null,
    };

    private static string Text(object value) => value switch
    {
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString()!,
        _ => throw new InvalidCastException(),
    };

    /// <summary>Other connectors have types of their own for the effort; their text is its name.</summary>
    private static string Effort(object value) => value switch
    {
        string or JsonElement => Text(value),
        ValueType => value.ToString()?.ToLowerInvariant() ?? throw new InvalidCastException(),
        _ => throw new InvalidCastException(),
    };

    private static List<string> Texts(object value) => value switch
    {
        string single => [single],
        JsonElement { ValueKind: JsonValueKind.String } single => [single.GetString()!],
        JsonElement { ValueKind: JsonValueKind.Array } json => [.. json.EnumerateArray().Select(item => Text(item))],
        IEnumerable<object?> items => [.. items.Select(item => Text(item!))],
        _ => throw new InvalidCastException(),
    };

    private static Dictionary<string, object?> Members(object value) => value switch
    {
        JsonElement { ValueKind: JsonValueKind.Object } json =>
            json.EnumerateObject().GroupBy(member => member.Name).ToDictionary(same => same.Key, same => (object?)same.Last().Value),
        IEnumerable<KeyValuePair<string, object?>> members => members.ToDictionary(),
        _ => throw new InvalidCastException(),
    };

    /// <summary>Token ids and their weights; other connectors take whole numbers from -100 to 100, as vLLM does.</summary>
    private static Dictionary<string, object?> Weights(object value)
    {
        var weights = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (value is JsonElement { ValueKind: JsonValueKind.Object } json)
        {
            foreach (var member in json.EnumerateObject())
            {
                weights[member.Name] = Number(member.Value);
            }

            return weights;
        }

        foreach (DictionaryEntry entry in value as IDictionary ?? throw new InvalidCastException())
        {
            weights[Integer(entry.Key).ToString(CultureInfo.InvariantCulture)] = Number(entry.Value!);
        }

        return weights;
    }
}

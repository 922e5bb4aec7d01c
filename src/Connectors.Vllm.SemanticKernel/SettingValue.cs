using System.Globalization;
using System.Text.Json;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Values of execution settings by vLLM's names, whoever wrote them: code, a prompt file (JSON or YAML, where numbers may be text), or Semantic Kernel, which
/// turns what it read into doubles and <see cref="JsonElement"/>s.
/// </summary>
internal static class SettingValue
{
    private static readonly Dictionary<string, Func<object, object?>> Converters = new(StringComparer.Ordinal)
    {
        ["temperature"] = value => (float)Number(value),
        ["top_p"] = value => (float)Number(value),
        ["top_k"] = value => checked((int)Integer(value)),
        ["min_p"] = value => (float)Number(value),
        ["max_tokens"] = value => checked((int)Integer(value)),
        ["frequency_penalty"] = value => (float)Number(value),
        ["presence_penalty"] = value => (float)Number(value),
        ["repetition_penalty"] = value => (float)Number(value),
        ["seed"] = value => Integer(value),
        ["n"] = value => checked((int)Integer(value)),
        ["stop_sequences"] = Texts,
        ["logprobs"] = value => checked((int)Integer(value)),
        ["reasoning_effort"] = Text,
        ["chat_system_prompt"] = Text,
        ["response_format"] = value => value is JsonElement { ValueKind: JsonValueKind.String } json ? json.GetString() : value,
        ["regex"] = Text,
        ["chat_template_kwargs"] = Members,
    };

    public static bool IsKnown(string name) => Converters.ContainsKey(name);

    /// <exception cref="ArgumentException">The value is not what the name stands for.</exception>
    public static object? Convert(string name, object? value)
    {
        if (value is null or JsonElement { ValueKind: JsonValueKind.Null })
        {
            return null;
        }

        try
        {
            return Converters[name](value);
        }
        catch (Exception exception) when (exception is FormatException or InvalidCastException or OverflowException or InvalidOperationException)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"The execution setting '{name}' does not take {value} ({value.GetType().Name})."), exception);
        }
    }

    private static double Number(object value) => value switch
    {
        // Not GetDouble alone: prompt files may write numbers as text.
        JsonElement json => double.Parse(json.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture),
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

    private static string Text(object value) => value switch
    {
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString()!,
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
        JsonElement { ValueKind: JsonValueKind.Object } json => json.EnumerateObject().ToDictionary(member => member.Name, member => (object?)member.Value),
        IEnumerable<KeyValuePair<string, object?>> members => members.ToDictionary(),
        _ => throw new InvalidCastException(),
    };
}

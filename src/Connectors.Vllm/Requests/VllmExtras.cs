using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// vLLM's parameters of a request, read from <see cref="ChatOptions.AdditionalProperties"/> according to <see cref="VllmOptions"/>. Immutable.
/// </summary>
internal sealed class VllmExtras
{
    private VllmExtras()
    {
    }

    public static VllmExtras None { get; } = new();

    /// <summary>The values that are set, with their options, in the order of the table.</summary>
    public IReadOnlyList<(VllmOption Option, object Value)> Values { get; private init; } = [];

    /// <summary>The unknown keys.</summary>
    public IReadOnlyList<string> Unknown { get; private init; } = [];

    /// <summary>Gets the value of a parameter; null if it is not set.</summary>
    public T Get<T>(VllmOption<T> option)
    {
        foreach (var (known, value) in Values)
        {
            if (ReferenceEquals(known, option))
            {
                return (T)value;
            }
        }

        return default!;
    }

    /// <exception cref="ArgumentException">The value of a known key is invalid.</exception>
    public static VllmExtras Read(AdditionalPropertiesDictionary? properties)
    {
        var reader = new PropertyReader(properties);
        if (reader.IsEmpty)
        {
            return None;
        }

        var structured = new PropertyReader(
            VllmOptions.StructuredOutputs.Read(reader) is { } members ? new AdditionalPropertiesDictionary(members!) : null,
            VllmOptions.StructuredOutputs.Name);
        var values = new List<(VllmOption, object)>();
        foreach (var option in VllmOptions.All)
        {
            if ((option.ReadValue(reader) ?? (option.IsConstraint ? option.ReadValue(structured) : null)) is { } value)
            {
                values.Add((option, value));
            }
        }

        return new VllmExtras
        {
            Values = values,
            Unknown =
            [
                .. reader.Keys.Where(static key => !VllmOptions.IsKnown(key)),
                .. structured.Keys.Where(static key => !VllmOptions.IsKnown(key)).Select(static key => $"{VllmOptions.StructuredOutputs.Name}.{key}"),
            ],
        };
    }
}

/// <summary>
/// Members of <see cref="ChatOptions"/> under the names that the APIs of OpenAI, vLLM and Ollama and other connectors use, which applications put
/// into <see cref="ChatOptions.AdditionalProperties"/> and execution settings. They apply if the member is not set.
/// </summary>
internal static class ChatOptionNames
{
    public static readonly IReadOnlyList<VllmOption> All =
    [
        Row<float?>("temperature", [], static (properties, key) => (float?)properties.Number(key), static (options, value) =>
            options.Temperature ??= value),
        Row<float?>("top_p", [], static (properties, key) => (float?)properties.Number(key), static (options, value) => options.TopP ??= value),
        Row<int?>("top_k", [], static (properties, key) => properties.Int32(key), static (options, value) => options.TopK ??= value),
        Row<float?>("frequency_penalty", [], static (properties, key) => (float?)properties.Number(key), static (options, value) =>
            options.FrequencyPenalty ??= value),
        Row<float?>("presence_penalty", [], static (properties, key) => (float?)properties.Number(key), static (options, value) =>
            options.PresencePenalty ??= value),
        Row<long?>("seed", [], static (properties, key) => properties.Integer(key), static (options, value) => options.Seed ??= value),
        Row<int?>("max_tokens", ["max_completion_tokens", "max_new_tokens", "num_predict"], static (properties, key) => properties.Int32(key, 1),
            static (options, value) => options.MaxOutputTokens ??= value),
        Row<IList<string>?>("stop_sequences", ["stop"], static (properties, key) => properties.TextList(key, mayBeEmpty: true)?.ToList(),
            static (options, value) => options.StopSequences ??= [.. value!]),
    ];

    // Ignored, because a schema is always enforced.
    private const string Strict = "strict";

    private static readonly HashSet<string> Names =
        new(All.SelectMany(static option => option.Aliases.Prepend(option.Name)).Append(Strict), StringComparer.Ordinal);

    public static bool IsKnown(string key) => Names.Contains(key);

    /// <summary>Finds a member by its first name; null if there is none.</summary>
    public static VllmOption? Find(string name) => All.FirstOrDefault(option => option.Name == name);

    /// <returns>The options themselves if nothing is changed, otherwise a copy.</returns>
    /// <exception cref="ArgumentException">A value is invalid for its name.</exception>
    public static ChatOptions? Fill(ChatOptions? options)
    {
        if (options?.AdditionalProperties is not { Count: > 0 } properties || !properties.Keys.Any(Names.Contains))
        {
            return options;
        }

        var reader = new PropertyReader(properties);
        var filled = options.Clone();
        foreach (var option in All)
        {
            if (option.ReadValue(reader) is { } value)
            {
                option.Fill(filled, value);
            }
        }

        return filled;
    }

    private static VllmOption<T> Row<T>(string name, string[] aliases, Func<PropertyReader, string, T> reader, Action<ChatOptions, T> member) =>
        new(name, aliases, null, "", null, "") { Reader = reader, Member = member };
}

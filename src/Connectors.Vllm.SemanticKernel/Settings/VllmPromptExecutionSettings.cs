using System.Collections.ObjectModel;
using System.Text.Json.Serialization;
using Microsoft.SemanticKernel;

namespace Connectors.Vllm.SemanticKernel;

/// <summary>
/// Execution settings for a vLLM server. Values that are not set use the model's defaults. The JSON names are vLLM's own, as in prompt files
/// (<c>"top_k": 20</c>). Frozen settings cannot be changed.
/// </summary>
public sealed class VllmPromptExecutionSettings : PromptExecutionSettings
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    /// <summary>The sampling temperature, from 0 (greedy) to 2.</summary>
    [JsonPropertyName("temperature")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float? Temperature
    {
        get => Get<float?>("temperature");
        set => Set("temperature", value);
    }

    /// <summary>The probability mass for nucleus sampling, above 0 and at most 1.</summary>
    [JsonPropertyName("top_p")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float? TopP
    {
        get => Get<float?>("top_p");
        set => Set("top_p", value);
    }

    /// <summary>The number of most likely tokens to sample from.</summary>
    [JsonPropertyName("top_k")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? TopK
    {
        get => Get<int?>("top_k");
        set => Set("top_k", value);
    }

    /// <summary>The minimum probability relative to the most likely token, from 0 to 1.</summary>
    [JsonPropertyName("min_p")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float? MinP
    {
        get => Get<float?>("min_p");
        set => Set("min_p", value);
    }

    /// <summary>The maximum number of tokens to generate; if unset, as many as fit into the context.</summary>
    [JsonPropertyName("max_tokens")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? MaxTokens
    {
        get => Get<int?>("max_tokens");
        set => Set("max_tokens", value);
    }

    /// <summary>The penalty for tokens by how often they were generated, from −2 to 2.</summary>
    [JsonPropertyName("frequency_penalty")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float? FrequencyPenalty
    {
        get => Get<float?>("frequency_penalty");
        set => Set("frequency_penalty", value);
    }

    /// <summary>The penalty for tokens that were generated at all, from −2 to 2.</summary>
    [JsonPropertyName("presence_penalty")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float? PresencePenalty
    {
        get => Get<float?>("presence_penalty");
        set => Set("presence_penalty", value);
    }

    /// <summary>The penalty for tokens that occur in prompt or output, above 0; 1 is off.</summary>
    [JsonPropertyName("repetition_penalty")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public float? RepetitionPenalty
    {
        get => Get<float?>("repetition_penalty");
        set => Set("repetition_penalty", value);
    }

    /// <summary>The seed for reproducible sampling.</summary>
    [JsonPropertyName("seed")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? Seed
    {
        get => Get<long?>("seed");
        set => Set("seed", value);
    }

    /// <summary>The number of answers; each is returned as a separate content.</summary>
    [JsonPropertyName("n")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ResultsPerPrompt
    {
        get => Get<int?>("n");
        set => Set("n", value);
    }

    /// <summary>Strings that end the answer.</summary>
    [JsonPropertyName("stop_sequences")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IList<string>? StopSequences
    {
        get => Get<IList<string>?>("stop_sequences");
        set => Set("stop_sequences", value);
    }

    /// <summary>The number of alternatives for which log probabilities are returned with each generated token.</summary>
    [JsonPropertyName("logprobs")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Logprobs
    {
        get => Get<int?>("logprobs");
        set => Set("logprobs", value);
    }

    /// <summary>The reasoning effort of a reasoning model: <c>none</c>, <c>low</c>, <c>medium</c> or <c>high</c>.</summary>
    [JsonPropertyName("reasoning_effort")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ReasoningEffort
    {
        get => Get<string?>("reasoning_effort");
        set => Set("reasoning_effort", value);
    }

    /// <summary>A system prompt for this request.</summary>
    [JsonPropertyName("chat_system_prompt")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ChatSystemPrompt
    {
        get => Get<string?>("chat_system_prompt");
        set => Set("chat_system_prompt", value);
    }

    /// <summary>
    /// The response format: <c>"text"</c>, <c>"json_object"</c>, a JSON schema (a <see cref="System.Text.Json.JsonElement"/> or its text), OpenAI's
    /// <c>{"type": "json_schema", …}</c>, a <see cref="Microsoft.Extensions.AI.ChatResponseFormat"/>, or a <see cref="Type"/> whose schema the answer
    /// follows.
    /// </summary>
    [JsonPropertyName("response_format")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public object? ResponseFormat
    {
        get => Get<object?>("response_format");
        set => Set("response_format", value);
    }

    /// <summary>The values to add to the logits of tokens, by token id, from −100 to 100.</summary>
    [JsonPropertyName("logit_bias")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IDictionary<string, object?>? LogitBias
    {
        get => Get<IDictionary<string, object?>?>("logit_bias");
        set => Set("logit_bias", value);
    }

    /// <summary>A regular expression that the whole answer must match.</summary>
    [JsonPropertyName("regex")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OutputRegex
    {
        get => Get<string?>("regex");
        set => Set("regex", value);
    }

    /// <summary>Additional variables for the chat template.</summary>
    [JsonPropertyName("chat_template_kwargs")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IDictionary<string, object?>? ChatTemplateArguments
    {
        get => Get<IDictionary<string, object?>?>("chat_template_kwargs");
        set => Set("chat_template_kwargs", value);
    }

    /// <inheritdoc/>
    public override PromptExecutionSettings Clone()
    {
        var copy = new VllmPromptExecutionSettings
        {
            ModelId = ModelId,
            ServiceId = ServiceId,
            FunctionChoiceBehavior = FunctionChoiceBehavior,
            ExtensionData = ExtensionData is null ? null : new Dictionary<string, object>(ExtensionData),
        };
        foreach ((var name, var value) in _values)
        {
            copy._values[name] = value switch
            {
                IList<string> list => new List<string>(list),
                IDictionary<string, object?> members => new Dictionary<string, object?>(members),
                _ => value,
            };
        }

        return copy;
    }

    /// <inheritdoc/>
    public override void Freeze()
    {
        if (IsFrozen)
        {
            return;
        }

        if (StopSequences is { } stops)
        {
            StopSequences = new ReadOnlyCollection<string>(stops);
        }

        if (ChatTemplateArguments is { } arguments)
        {
            ChatTemplateArguments = new ReadOnlyDictionary<string, object?>(arguments);
        }

        base.Freeze();
    }

    /// <summary>
    /// Converts settings to <see cref="VllmPromptExecutionSettings"/>: returns the same object if it is one already, and a copy otherwise. Extension
    /// data with the names of the properties here (as in prompt files), and equivalent properties of other connectors' settings, become those
    /// properties; others are kept as extension data.
    /// </summary>
    /// <param name="settings">The settings of any connector; <see langword="null"/> uses the defaults.</param>
    /// <returns>The settings.</returns>
    /// <exception cref="ArgumentException">A known setting has a value of the wrong kind; the message names it.</exception>
    public static VllmPromptExecutionSettings FromExecutionSettings(PromptExecutionSettings? settings)
    {
        if (settings is VllmPromptExecutionSettings already)
        {
            return already;
        }

        var own = new VllmPromptExecutionSettings();
        if (settings is null)
        {
            return own;
        }

        own.ModelId = settings.ModelId;
        own.ServiceId = settings.ServiceId;
        own.FunctionChoiceBehavior = settings.FunctionChoiceBehavior;
        foreach (var same in SettingsMapper.LooseValues(settings).GroupBy(static pair => SettingValue.NameOf(pair.Key) ?? string.Empty))
        {
            if (same.Key.Length > 0)
            {
                own.Set(same.Key, SettingValue.Read(same.Key, [.. same]));
                continue;
            }

            foreach (var (name, value) in same.Where(static pair => pair.Value is not null))
            {
                (own.ExtensionData ??= new Dictionary<string, object>())[name] = value!;
            }
        }

        return own;
    }

    /// <summary>The values that were set, by vLLM's names.</summary>
    internal IEnumerable<KeyValuePair<string, object?>> Values => _values;

    private T? Get<T>(string name) => _values.TryGetValue(name, out var value) ? (T?)value : default;

    private void Set(string name, object? value)
    {
        ThrowIfFrozen();
        if (value is null)
        {
            _values.Remove(name);
        }
        else
        {
            _values[name] = value;
        }
    }
}

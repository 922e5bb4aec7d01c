using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>
/// Sampling options that applications put into <see cref="ChatOptions.AdditionalProperties"/> under the names of OpenAI's API, vLLM's and Ollama's:
/// they count where the typed member is unset.
/// </summary>
internal static class OtherNames
{
    /// <summary>The names read here. <c>strict</c> asks for what happens anyway: a schema is always enforced.</summary>
    public static readonly IReadOnlySet<string> All = new HashSet<string>(StringComparer.Ordinal)
    {
        "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "max_tokens", "max_completion_tokens", "max_new_tokens",
        "stop", "strict",
    };

    /// <returns>The options themselves when there is nothing to fill in, else a copy.</returns>
    /// <exception cref="ArgumentException">A value makes no sense for its name.</exception>
    public static ChatOptions? Fill(ChatOptions? options)
    {
        if (options?.AdditionalProperties is not { Count: > 0 } properties || !properties.Keys.Any(All.Contains))
        {
            return options;
        }

        var reader = new PropertyReader(properties);
        var filled = options.Clone();
        filled.Temperature ??= (float?)reader.Number("temperature");
        filled.TopP ??= (float?)reader.Number("top_p");
        filled.TopK ??= reader.Int32("top_k");
        filled.FrequencyPenalty ??= (float?)reader.Number("frequency_penalty");
        filled.PresencePenalty ??= (float?)reader.Number("presence_penalty");
        filled.Seed ??= reader.Integer("seed");
        filled.MaxOutputTokens ??= reader.Int32("max_tokens", 1) ?? reader.Int32("max_completion_tokens", 1) ?? reader.Int32("max_new_tokens", 1);
        filled.StopSequences ??= reader.TextList("stop")?.ToList();
        return filled;
    }
}

using System.Globalization;
using Microsoft.Extensions.AI;

namespace Connectors.Vllm;

/// <summary>vLLM's extras of one request, read once from <see cref="ChatOptions.AdditionalProperties"/>; immutable.</summary>
internal sealed record VllmExtras
{
    public static VllmExtras None { get; } = new();

    public float? MinP { get; init; }

    public float? RepetitionPenalty { get; init; }

    public int? MinTokens { get; init; }

    public bool IgnoreEos { get; init; }

    public bool BoundWhiteSpace { get; init; } = true;

    public IReadOnlyList<int>? StopTokenIds { get; init; }

    public int? Logprobs { get; init; }

    public int? PromptLogprobs { get; init; }

    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    public IReadOnlyList<int>? AllowedTokenIds { get; init; }

    public IReadOnlyList<int>? LogprobTokenIds { get; init; }

    public int ChoiceCount { get; init; } = 1;

    public string? Json { get; init; }

    public bool JsonObject { get; init; }

    public string? Regex { get; init; }

    public string? Grammar { get; init; }

    public IReadOnlyList<string>? Choices { get; init; }

    public string? StructuralTag { get; init; }

    public string? ChatTemplate { get; init; }

    public Dictionary<string, object?>? TemplateArguments { get; init; }

    public bool ContinueFinalMessage { get; init; }

    public List<object?>? Documents { get; init; }

    public string? ReasoningEffort { get; init; }

    public int? Priority { get; init; }

    public string? LoraName { get; init; }

    public string? CacheSalt { get; init; }

    public string? SessionId { get; init; }

    public bool? BypassPrefixCache { get; init; }

    public bool? Watermarking { get; init; }

    public int? DataParallelRank { get; init; }

    public int? TruncatePromptTokens { get; init; }

    public string? KvTransferParameters { get; init; }

    public IReadOnlyDictionary<string, string>? RequestMetadata { get; init; }

    public string? RequestId { get; init; }

    public bool ReturnTokenIds { get; init; }

    public bool? AllowControlTokens { get; init; }

    public string? ToolParser { get; init; }

    public string? ReasoningParser { get; init; }

    /// <summary>Keys that no row of the table knows.</summary>
    public IReadOnlyList<string> Unknown { get; init; } = [];

    /// <exception cref="ArgumentException">A known key holds a value that makes no sense for it.</exception>
    public static VllmExtras Read(AdditionalPropertiesDictionary? properties)
    {
        var reader = new PropertyReader(properties);
        if (reader.IsEmpty)
        {
            return None;
        }

        var structured = new PropertyReader(VllmOptions.StructuredOutputs.Read(reader) is { } members ? new AdditionalPropertiesDictionary(members!)
            : null, "structured_outputs");
        return new VllmExtras
        {
            MinP = VllmOptions.MinP.Read(reader),
            RepetitionPenalty = VllmOptions.RepetitionPenalty.Read(reader),
            MinTokens = VllmOptions.MinTokens.Read(reader),
            IgnoreEos = VllmOptions.IgnoreEos.Read(reader) ?? false,
            BoundWhiteSpace = VllmOptions.BoundWhiteSpace.Read(reader) ?? true,
            StopTokenIds = VllmOptions.StopTokenIds.Read(reader),
            Logprobs = VllmOptions.Logprobs.Read(reader),
            PromptLogprobs = VllmOptions.PromptLogprobs.Read(reader),
            LogitBias = VllmOptions.LogitBias.Read(reader),
            AllowedTokenIds = VllmOptions.AllowedTokenIds.Read(reader),
            LogprobTokenIds = VllmOptions.LogprobTokenIds.Read(reader),
            ChoiceCount = VllmOptions.ChoiceCount.Read(reader) ?? 1,
            Json = VllmOptions.Json.Read(reader) ?? VllmOptions.Json.Read(structured),
            JsonObject = VllmOptions.JsonObject.Read(reader) ?? VllmOptions.JsonObject.Read(structured) ?? false,
            Regex = VllmOptions.Regex.Read(reader) ?? VllmOptions.Regex.Read(structured),
            Grammar = VllmOptions.Grammar.Read(reader) ?? VllmOptions.Grammar.Read(structured),
            Choices = VllmOptions.Choice.Read(reader) ?? VllmOptions.Choice.Read(structured),
            StructuralTag = VllmOptions.StructuralTag.Read(reader) ?? VllmOptions.StructuralTag.Read(structured),
            ChatTemplate = VllmOptions.ChatTemplate.Read(reader),
            TemplateArguments = (Dictionary<string, object?>?)VllmOptions.ChatTemplateArguments.Read(reader),
            ContinueFinalMessage = VllmOptions.ContinueFinalMessage.Read(reader) ?? false,
            Documents = (List<object?>?)VllmOptions.Documents.Read(reader),
            ReasoningEffort = VllmOptions.ReasoningEffort.Read(reader),
            Priority = VllmOptions.Priority.Read(reader),
            LoraName = VllmOptions.LoraName.Read(reader),
            CacheSalt = VllmOptions.CacheSalt.Read(reader),
            SessionId = VllmOptions.SessionId.Read(reader),
            BypassPrefixCache = VllmOptions.BypassPrefixCache.Read(reader),
            Watermarking = VllmOptions.Watermarking.Read(reader),
            DataParallelRank = VllmOptions.DataParallelRank.Read(reader),
            TruncatePromptTokens = VllmOptions.TruncatePromptTokens.Read(reader),
            KvTransferParameters = VllmOptions.KvTransferParameters.Read(reader),
            RequestMetadata = VllmOptions.RequestMetadata.Read(reader)?.ToDictionary(
                static pair => pair.Key.ToLowerInvariant(), static pair => Convert.ToString(pair.Value, CultureInfo.InvariantCulture)
                    ?? string.Empty),
            RequestId = VllmOptions.RequestId.Read(reader),
            ReturnTokenIds = VllmOptions.ReturnTokenIds.Read(reader) ?? false,
            AllowControlTokens = VllmOptions.AllowControlTokens.Read(reader),
            ToolParser = VllmOptions.ToolCallParser.Read(reader),
            ReasoningParser = VllmOptions.ReasoningParser.Read(reader),
            Unknown =
            [
                .. reader.Keys.Where(static key => !VllmOptions.IsKnown(key)),
                .. structured.Keys.Where(static key => !VllmOptions.IsKnown(key)).Select(static key => "structured_outputs." + key),
            ],
        };
    }
}

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

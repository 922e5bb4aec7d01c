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

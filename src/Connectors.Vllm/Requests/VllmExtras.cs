using Microsoft.Extensions.AI;
using Names = Connectors.Vllm.VllmOptionNames;

namespace Connectors.Vllm;

/// <summary>vLLM's extras of one request, read once from <see cref="ChatOptions.AdditionalProperties"/>; immutable.</summary>
internal sealed record VllmExtras
{
    public static VllmExtras None { get; } = new();

    public double? MinP { get; init; }

    public double? RepetitionPenalty { get; init; }

    public int? MinTokens { get; init; }

    public bool IgnoreEos { get; init; }

    public IReadOnlyList<int>? StopTokenIds { get; init; }

    public int? LogProbs { get; init; }

    public int? PromptLogProbs { get; init; }

    public IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    public IReadOnlyList<int>? AllowedTokenIds { get; init; }

    public int ChoiceCount { get; init; } = 1;

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

    public int? DataParallelRank { get; init; }

    public int? TruncatePromptTokens { get; init; }

    public string? KvTransferParameters { get; init; }

    public string? RequestId { get; init; }

    public bool ReturnTokenIds { get; init; }

    public bool? AllowControlTokens { get; init; }

    public string? ToolParser { get; init; }

    public string? ReasoningParser { get; init; }

    /// <exception cref="ArgumentException">A known key holds a value that makes no sense for it.</exception>
    public static VllmExtras Read(AdditionalPropertiesDictionary? properties)
    {
        var reader = new PropertyReader(properties);
        if (reader.IsEmpty)
        {
            return None;
        }

        return new VllmExtras
        {
            MinP = reader.Number(Names.MinP, 0, 1),
            RepetitionPenalty = reader.Number(Names.RepetitionPenalty, float.Epsilon),
            MinTokens = reader.Int32(Names.MinTokens, 0),
            IgnoreEos = reader.Boolean(Names.IgnoreEos) ?? false,
            StopTokenIds = reader.TokenIds(Names.StopTokenIds),
            LogProbs = ReadLogProbs(reader),
            PromptLogProbs = reader.Int32(Names.PromptLogProbs, 0),
            LogitBias = reader.TokenWeights(Names.LogitBias),
            AllowedTokenIds = reader.TokenIds(Names.AllowedTokenIds),
            ChoiceCount = reader.Int32(Names.ChoiceCount, 1, 1024) ?? 1,
            Regex = reader.Text(Names.Regex) ?? reader.Text(Names.GuidedRegex),
            Grammar = reader.Text(Names.Grammar) ?? reader.Text(Names.GuidedGrammar),
            Choices = reader.TextList(Names.Choice) ?? reader.TextList(Names.GuidedChoice),
            StructuralTag = reader.TextOrJson(Names.StructuralTag),
            ChatTemplate = reader.Text(Names.ChatTemplate),
            TemplateArguments = reader.Members(Names.ChatTemplateArguments),
            ContinueFinalMessage = reader.Boolean(Names.ContinueFinalMessage) ?? false,
            Documents = reader.Items(Names.Documents),
            ReasoningEffort = reader.Text(Names.ReasoningEffort),
            Priority = reader.Int32(Names.Priority),
            LoraName = reader.Text(Names.LoraName),
            CacheSalt = reader.Text(Names.CacheSalt),
            DataParallelRank = reader.Int32(Names.DataParallelRank, 0),
            TruncatePromptTokens = reader.Int32(Names.TruncatePromptTokens, 1),
            KvTransferParameters = reader.TextOrJson(Names.KvTransferParameters),
            RequestId = reader.Text(Names.RequestId),
            ReturnTokenIds = reader.Boolean(Names.EchoPromptTokenIds) ?? false,
            AllowControlTokens = reader.Boolean(Names.AllowControlTokens),
            ToolParser = reader.Text(Names.ToolParser),
            ReasoningParser = reader.Text(Names.ReasoningParser),
        };
    }

    /// <summary>vLLM's <c>logprobs: 3</c> as well as OpenAI's <c>logprobs: true, top_logprobs: 3</c>.</summary>
    public static int? ReadLogProbs(PropertyReader reader)
    {
        var alternatives = reader.Int32(Names.TopLogProbs, 0);
        if (reader.TryBoolean(Names.LogProbs) is bool wanted)
        {
            return wanted ? alternatives ?? 0 : null;
        }

        return reader.Int32(Names.LogProbs, 0) ?? alternatives;
    }
}

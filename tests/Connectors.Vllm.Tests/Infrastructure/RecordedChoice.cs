using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Tests;

/// <summary>One recorded answer.</summary>
internal sealed record RecordedChoice(
    IReadOnlyList<int> Ids, string FinishReason, string? MatchedStop, int? MatchedToken, string Text, int PromptTokens, int CachedTokens)
{
    /// <summary>The text as a client shows it: without the stop string and what follows, and without the stop token.</summary>
    public string VisibleText(VllmTokenizer tokenizer) =>
        MatchedStop is not null ? Text[..Text.IndexOf(MatchedStop, StringComparison.Ordinal)]
        : MatchedToken is not null ? tokenizer.Decode([.. Ids.SkipLast(1)], skipSpecialTokens: true)
        : Text;
}

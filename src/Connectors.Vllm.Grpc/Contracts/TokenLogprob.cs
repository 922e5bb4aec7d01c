namespace Connectors.Vllm.Grpc;

/// <summary>A token and how likely it was at its position.</summary>
/// <param name="TokenId">The token's id.</param>
/// <param name="Logprob">Natural logarithm of its probability; null for the first token of a prompt, which has none.</param>
/// <param name="Rank">Its rank among all tokens, 1 is the most likely; null when the server does not report it (VllmEngine protocol).</param>
public sealed record TokenLogprob(int TokenId, float? Logprob, int? Rank = null)
{
    /// <summary>
    /// The token's text, where it was decoded: by a chat client, not by an engine. Empty otherwise. Part of a character reads as U+FFFD.
    /// </summary>
    public string Text { get; init; } = string.Empty;

    /// <summary>
    /// The most likely tokens at this position, best first, as many as were requested; empty when none were. The token itself is among them if it
    /// ranks there. The VllmEngine protocol always lists the token itself; when it ranks below the number requested, the last of the best is missing.
    /// </summary>
    public IReadOnlyList<TokenLogprob> Alternatives { get; init; } = [];
}

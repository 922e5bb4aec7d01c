namespace Connectors.Vllm.Grpc;

/// <summary>Log probability of one token at its position.</summary>
public sealed class TokenLogprob
{
    /// <summary>The token.</summary>
    public int TokenId { get; init; }

    /// <summary>Natural logarithm of its probability; null for the first token of a prompt, which has none.</summary>
    public float? Logprob { get; init; }

    /// <summary>Its rank among all tokens, 1 is best; null when the server does not tell (VllmEngine protocol).</summary>
    public int? Rank { get; init; }

    /// <summary>
    /// The best candidates, best first; the token itself among them if it is one of the best. On the VllmEngine protocol the token itself is
    /// always listed, and when it ranks below the number asked for, the last of the best is missing.
    /// </summary>
    public IReadOnlyList<CandidateLogprob> Candidates { get; init; } = [];
}

/// <summary>One candidate at a position.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Logprob">Natural logarithm of its probability.</param>
/// <param name="Rank">Its rank among all tokens, 1 is best; null when the server does not tell.</param>
public readonly record struct CandidateLogprob(int TokenId, float Logprob, int? Rank);

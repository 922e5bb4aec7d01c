namespace Connectors.Vllm.Grpc;

/// <summary>One candidate at a position.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Logprob">Natural logarithm of its probability.</param>
/// <param name="Rank">Its rank among all tokens, 1 is best; null when the server does not tell.</param>
public readonly record struct CandidateLogprob(int TokenId, float Logprob, int? Rank);

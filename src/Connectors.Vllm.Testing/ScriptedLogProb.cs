namespace Connectors.Vllm.Testing;

/// <summary>What the scripted model believed at one position.</summary>
/// <param name="LogProb">Log probability of the token at this position.</param>
/// <param name="Rank">Its rank, 1 is best.</param>
/// <param name="Best">The most probable tokens at this position, best first; the position's own token is among them when it ranks there.</param>
public sealed record ScriptedLogProb(float LogProb, int Rank, IReadOnlyList<ScriptedTokenLogProb> Best);

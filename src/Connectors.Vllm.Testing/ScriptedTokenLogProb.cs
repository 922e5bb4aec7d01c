namespace Connectors.Vllm.Testing;

/// <summary>One candidate token with its log probability.</summary>
/// <param name="Id">Token id.</param>
/// <param name="LogProb">Natural logarithm of its probability.</param>
/// <param name="Rank">Place in the distribution, 1 is the most probable; 0 when not known.</param>
public readonly record struct ScriptedTokenLogProb(int Id, float LogProb, int Rank = 0);

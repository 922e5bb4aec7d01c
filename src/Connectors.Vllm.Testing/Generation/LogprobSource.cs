using Connectors.Vllm.Grpc;

namespace Connectors.Vllm.Testing.Generation;

/// <summary>Log probabilities for a position: the scripted ones, else plausible ones that depend only on the position and the token.</summary>
internal sealed class LogprobSource(IReadOnlyList<TokenLogprob>? scripted, int vocabulary)
{
    private const int Candidates = 20;

    public TokenLogprob At(int position, int token)
    {
        if (scripted is not null && position < scripted.Count)
        {
            return scripted[position];
        }

        var own = -0.05f - ((position * 7 + token) % 16 * 0.02f);
        var best = new TokenLogprob[Math.Min(Candidates, vocabulary)];
        best[0] = new TokenLogprob(token, own, 1);
        for (var i = 1; i < best.Length; i++)
        {
            best[i] = new TokenLogprob((int)(((long)token + (i * 31)) % vocabulary), own - 2f - (i * 0.5f), i + 1);
        }

        return new TokenLogprob(token, own, 1) { Alternatives = best };
    }
}

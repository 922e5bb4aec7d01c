using Connectors.Vllm.Grpc.Protocol.Engine;
using Connectors.Vllm.Testing.Engine;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>
/// Builds family A's logprob messages. A top list holds the first k of the sampled token followed by the best others: the sampled token comes first
/// whatever its rank, and then the k-th best is missing.
/// </summary>
internal static class LogProbMessages
{
    public static OutputLogProbs Output(LogProbSource source, SequenceStep step, int asked)
    {
        var message = new OutputLogProbs();
        for (var i = 0; i < step.Ids.Count; i++)
        {
            var token = step.Ids[i];
            var entry = source.At(step.Offset + i, token);
            message.TokenLogprobs.Add(entry.LogProb);
            message.TokenIds.Add((uint)token);
            if (asked != 0)
            {
                message.TopLogprobs.Add(Top(entry, token, asked));
            }
        }

        return message;
    }

    public static InputLogProbs Input(LogProbSource source, ReadOnlySpan<int> prompt, int asked)
    {
        var message = new InputLogProbs();
        for (var i = 0; i < prompt.Length; i++)
        {
            var entry = source.At(i, prompt[i]);
            message.TokenLogprobs.Add(i == 0 ? new InputTokenLogProb() : new InputTokenLogProb { Value = entry.LogProb });
            message.TokenIds.Add((uint)prompt[i]);
            if (asked != 0)
            {
                message.TopLogprobs.Add(i == 0 ? new TopLogProbs() : Top(entry, prompt[i], asked));
            }
        }

        return message;
    }

    private static TopLogProbs Top(ScriptedLogProb entry, int token, int asked)
    {
        var top = new TopLogProbs();
        if (asked < 0)
        {
            return top;
        }

        top.Values.Add(entry.LogProb);
        top.TokenIds.Add((uint)token);
        foreach (var candidate in entry.Best)
        {
            if (top.Values.Count >= asked)
            {
                break;
            }

            if (candidate.Id != token)
            {
                top.Values.Add(candidate.LogProb);
                top.TokenIds.Add((uint)candidate.Id);
            }
        }

        return top;
    }
}

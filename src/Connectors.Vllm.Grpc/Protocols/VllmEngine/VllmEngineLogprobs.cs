using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf.Collections;

namespace Connectors.Vllm.Grpc;

/// <summary>Log probabilities of the VllmEngine service: parallel lists, the token itself first among its candidates.</summary>
internal static class VllmEngineLogprobs
{
    public static IReadOnlyList<TokenLogprob>? Read(OutputLogProbs? message)
    {
        if (message is null)
        {
            return null;
        }

        RequireEqual(message.TokenIds.Count, message.TokenLogprobs.Count);
        var list = new TokenLogprob[message.TokenIds.Count];
        for (var i = 0; i < list.Length; i++)
        {
            list[i] = new TokenLogprob(
                TokenIdConversion.ToId(message.TokenIds[i]),
                message.TokenLogprobs[i])
            {
                Alternatives = Candidates(message.TopLogprobs, i),
            };
        }

        return list;
    }

    public static IReadOnlyList<TokenLogprob>? Read(InputLogProbs? message)
    {
        if (message is null)
        {
            return null;
        }

        RequireEqual(message.TokenIds.Count, message.TokenLogprobs.Count);
        var list = new TokenLogprob[message.TokenIds.Count];
        for (var i = 0; i < list.Length; i++)
        {
            list[i] = new TokenLogprob(
                TokenIdConversion.ToId(message.TokenIds[i]),
                message.TokenLogprobs[i].HasValue ? message.TokenLogprobs[i].Value : null)
            {
                Alternatives = Candidates(message.TopLogprobs, i),
            };
        }

        return list;
    }

    private static TokenLogprob[] Candidates(RepeatedField<TopLogProbs> all, int position)
    {
        if (position >= all.Count || all[position].TokenIds.Count == 0)
        {
            return [];
        }

        var top = all[position];
        RequireEqual(top.TokenIds.Count, top.Values.Count);
        var list = new TokenLogprob[top.TokenIds.Count];
        for (var i = 0; i < list.Length; i++)
        {
            list[i] = new(TokenIdConversion.ToId(top.TokenIds[i]), top.Values[i]);
        }

        // Stable, so that candidates of equal probability keep the server's order.
        return list.Length < 2 ? list : [.. list.OrderByDescending(static candidate => candidate.Logprob)];
    }

    private static void RequireEqual(int ids, int values)
    {
        if (ids != values)
        {
            throw new InvalidDataException($"log probabilities: {values} values for {ids} tokens");
        }
    }
}

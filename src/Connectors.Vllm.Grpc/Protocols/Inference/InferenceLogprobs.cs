using Connectors.Vllm.Grpc.Protocol.Inference;
using Google.Protobuf.Collections;

namespace Connectors.Vllm.Grpc;

/// <summary>Log probabilities of the Inference service: parallel lists with ranks.</summary>
internal static class InferenceLogprobs
{
    public static IReadOnlyList<TokenLogprob>? Read(SequenceOutput? outputs) =>
        outputs is null || outputs.Logprobs.Count == 0
            ? null
            : Read(outputs.TokenIds, outputs.Logprobs, outputs.Ranks, outputs.CandidateTokens, isPrompt: false);

    public static IReadOnlyList<TokenLogprob>? Read(PromptInfo? prompt) =>
        prompt is null || prompt.Logprobs.Count == 0
            ? null
            : Read(prompt.TokenIds, prompt.Logprobs, prompt.Ranks, prompt.CandidateTokens, isPrompt: true);

    private static TokenLogprob[] Read(
        RepeatedField<uint> ids, RepeatedField<float> values, RepeatedField<uint> ranks, RepeatedField<CandidateTokenInfo> candidates, bool isPrompt)
    {
        if (values.Count != ids.Count)
        {
            throw new InvalidDataException($"log probabilities: {values.Count} values for {ids.Count} tokens");
        }

        var list = new TokenLogprob[ids.Count];
        for (var i = 0; i < list.Length; i++)
        {
            // The first prompt token has no probability; the server writes 0 with rank 0 in its place.
            var isFiller = isPrompt && i == 0;
            list[i] = new TokenLogprob(
                TokenIdConversion.ToId(ids[i]),
                isFiller ? null : values[i],
                isFiller || i >= ranks.Count ? null : checked((int)ranks[i]))
            {
                Alternatives = i < candidates.Count ? ToCandidates(candidates[i]) : [],
            };
        }

        return list;
    }

    private static TokenLogprob[] ToCandidates(CandidateTokenInfo info)
    {
        if (info.Tokens.Count == 0)
        {
            return [];
        }

        var list = new TokenLogprob[info.Tokens.Count];
        for (var i = 0; i < list.Length; i++)
        {
            var token = info.Tokens[i];
            list[i] = new(TokenIdConversion.ToId(token.Id), token.Logprob, checked((int)token.Rank));
        }

        return list.Length < 2 ? list : [.. list.OrderByDescending(static candidate => candidate.Logprob)];
    }
}

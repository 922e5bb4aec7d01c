using System.Buffers;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Reads the messages of the Inference service: first information about the prompt, then new ids, with the finish on the last message. Without
/// streaming, one message contains all of it.
/// </summary>
internal sealed class InferenceReader(GenerationRequest request, int? maxTokens) : GenerationReader(request, choiceCount: 1, maxTokens)
{
    private const byte OutputsTag = 0x12;

    /// <summary>
    /// Parses a message: as an update if it contains only ids and their number, like nearly every message of a stream, otherwise with the generated
    /// parser.
    /// </summary>
    public static object Parse(ReadOnlySequence<byte> message) =>
        message.IsSingleSegment && TryReadPlainDelta(message.FirstSpan, out var update) ? update : GenerateResponse.Parser.ParseFrom(message);

    protected override GenerationUpdate? ReadMessage(object message)
    {
        var response = (GenerateResponse)message;
        var prompt = response.PromptInfo;
        var outputs = response.Outputs;
        if (prompt is null && outputs is null)
        {
            return null;
        }

        var index = checked((int)(outputs?.Index ?? 0));
        var ids = outputs is null ? [] : TokenIdConversion.ToIds(outputs.TokenIds);
        var total = AddTokens(index, ids.Length);
        var finish = outputs?.FinishInfo;
        if (prompt is not null)
        {
            CheckPromptCount(prompt.NumPromptTokens);
        }

        if (finish is not null)
        {
            // Ids may be omitted if only the text is requested, and are dropped after a stop string. If a constraint could not be compiled, the count
            // includes an end token that is not sent.
            if (Request.IncludeTokenIds && Request.StopStrings.Count == 0 && (total > 0 || Request.Constraint is null)
                && finish.FinishReason != FinishInfo.Types.FinishReason.Aborted)
            {
                CheckOutputCount(finish.NumOutputTokens, total);
            }

            Finish(index);
        }

        return new GenerationUpdate
        {
            Index = index,
            TokenIds = ids,
            PromptTokens = prompt is null ? null : checked((int)prompt.NumPromptTokens),
            CachedTokens = finish is { HasNumCachedTokens: true } ? checked((int)finish.NumCachedTokens) : null,
            PromptIds = prompt is { TokenIds.Count: > 0 } ? TokenIdConversion.ToIds(prompt.TokenIds) : null,
            PromptLogprobs = Request.PromptLogprobs is null ? null : InferenceLogprobs.Read(prompt),
            Logprobs = Request.Logprobs is null && Request.LogprobTokenIds is null ? null : InferenceLogprobs.Read(outputs),
            Text = Request.IncludeServerText && outputs is not null ? outputs.Text : string.Empty,
            Finish = finish is null ? null : ToFinish(finish),
            RawRepresentation = Request.IncludeRawRepresentation ? response : null,
        };
    }

    /// <summary>Reads a delta that contains only ids and their number.</summary>
    internal static bool TryReadPlainDelta(ReadOnlySpan<byte> message, out GenerationUpdate update)
    {
        update = null!;
        var outer = new WireReader(message);
        if (!outer.TryReadByte(out var tag) || tag != OutputsTag || !outer.TryReadBytes(out var outputs) || !outer.AtEnd)
        {
            return false;
        }

        var reader = new WireReader(outputs);
        int[]? ids = null;
        var index = 0;
        while (reader.TryReadByte(out tag))
        {
            var known = tag switch
            {
                0x08 => reader.TryReadInt32(out index),
                0x18 => reader.TryReadInt32(out _),
                0x22 => ids is null && reader.TryReadPackedIds(out ids),
                _ => false,
            };
            if (!known)
            {
                return false;
            }
        }

        update = new GenerationUpdate { Index = index, TokenIds = ids };
        return true;
    }

    private static GenerationFinish ToFinish(FinishInfo finish) => new()
    {
        Reason = finish.FinishReason switch
        {
            FinishInfo.Types.FinishReason.Stop => GenerationFinishReason.Stop,
            FinishInfo.Types.FinishReason.Length => GenerationFinishReason.Length,
            FinishInfo.Types.FinishReason.Aborted => GenerationFinishReason.Abort,
            _ => GenerationFinishReason.Other,
        },
        RawReason = finish.FinishReason switch
        {
            FinishInfo.Types.FinishReason.Stop => "STOP",
            FinishInfo.Types.FinishReason.Length => "LENGTH",
            FinishInfo.Types.FinishReason.Aborted => "ABORTED",
            FinishInfo.Types.FinishReason.NotFinished => "NOT_FINISHED",
            var other => ((int)other).ToString(System.Globalization.CultureInfo.InvariantCulture),
        },
        StopTokenId = finish.HasStopTokenId ? TokenIdConversion.ToId(finish.StopTokenId) : null,
        EosTokenId = finish.HasEosTokenId ? TokenIdConversion.ToId(finish.EosTokenId) : null,
        StopString = finish.HasStopString ? finish.StopString : null,
        OutputTokens = checked((int)finish.NumOutputTokens),
        KvTransferParamsJson = finish.KvTransferParams is { } kv ? JsonFormatter.Default.Format(kv) : null,
    };
}

/// <summary>Reads log probabilities of the Inference service: parallel lists with ranks.</summary>
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

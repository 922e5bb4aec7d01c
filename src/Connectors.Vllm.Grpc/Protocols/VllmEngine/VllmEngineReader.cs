using System.Buffers;
using Connectors.Vllm.Grpc.Protocol.Engine;
using Google.Protobuf.Collections;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Reads the messages of the VllmEngine service: chunks with new ids, and one complete message per choice, which repeats the last chunk when
/// streaming and otherwise contains the whole answer.
/// </summary>
internal sealed class VllmEngineReader(
    GenerationRequest request, int? maxTokens) : GenerationReader(request, request.Sampling.ChoiceCount ?? 1, maxTokens)
{
    private const byte ChunkTag = 0x0A;

    /// <summary>
    /// Parses a message: as an update if it contains only ids and counts, like nearly every message of a stream, otherwise with the generated parser.
    /// </summary>
    public static object Parse(ReadOnlySequence<byte> message) =>
        message.IsSingleSegment && TryReadPlainChunk(message.FirstSpan, out var update) ? update : GenerateResponse.Parser.ParseFrom(message);

    protected override GenerationUpdate? ReadMessage(object message)
    {
        var response = (GenerateResponse)message;
        return response.ResponseCase switch
        {
            GenerateResponse.ResponseOneofCase.Chunk => FromChunk(response),
            GenerateResponse.ResponseOneofCase.Complete => FromComplete(response),
            _ => null,
        };
    }

    /// <summary>Reads a chunk that contains only ids and counts.</summary>
    internal static bool TryReadPlainChunk(ReadOnlySpan<byte> message, out GenerationUpdate update)
    {
        update = null!;
        var outer = new WireReader(message);
        if (!outer.TryReadByte(out var tag) || tag != ChunkTag || !outer.TryReadBytes(out var chunk) || !outer.AtEnd)
        {
            return false;
        }

        var reader = new WireReader(chunk);
        int[]? ids = null;
        int prompt = 0, cached = 0, index = 0;
        while (reader.TryReadByte(out tag))
        {
            var known = tag switch
            {
                0x0A => ids is null && reader.TryReadPackedIds(out ids),
                0x10 => reader.TryReadInt32(out prompt),
                0x18 => reader.TryReadInt32(out _),
                0x20 => reader.TryReadInt32(out cached),
                0x38 => reader.TryReadInt32(out index),
                _ => false,
            };
            if (!known)
            {
                return false;
            }
        }

        update = new GenerationUpdate { Index = index, TokenIds = ids, PromptTokens = prompt, CachedTokens = cached };
        return true;
    }

    private GenerationUpdate FromChunk(GenerateResponse response)
    {
        var chunk = response.Chunk;
        var index = checked((int)chunk.Index);
        var ids = TokenIdConversion.ToIds(chunk.TokenIds);
        AddTokens(index, ids.Length);
        return new GenerationUpdate
        {
            Index = index,
            TokenIds = ids,
            PromptTokens = checked((int)chunk.PromptTokens),
            CachedTokens = checked((int)chunk.CachedTokens),
            Logprobs = VllmEngineLogprobs.Read(chunk.OutputLogprobs),
            PromptLogprobs = VllmEngineLogprobs.Read(chunk.InputLogprobs),
            RawRepresentation = Request.IncludeRawRepresentation ? response : null,
        };
    }

    private GenerationUpdate FromComplete(GenerateResponse response)
    {
        var complete = response.Complete;
        var index = checked((int)complete.Index);

        // Ids received in chunks are repeated in the complete message; without chunks, it contains all of them.
        var isNew = TokenCount(index) == 0;
        var ids = isNew ? TokenIdConversion.ToIds(complete.OutputIds) : [];
        var total = AddTokens(index, ids.Length);
        CheckCounts(complete, total);
        Finish(index);
        return new GenerationUpdate
        {
            Index = index,
            TokenIds = ids,
            PromptTokens = checked((int)complete.PromptTokens),
            CachedTokens = checked((int)complete.CachedTokens),
            Logprobs = isNew ? VllmEngineLogprobs.Read(complete.OutputLogprobs) : null,
            PromptLogprobs = isNew ? VllmEngineLogprobs.Read(complete.InputLogprobs) : null,
            Finish = ToFinish(complete, total),
            RawRepresentation = Request.IncludeRawRepresentation ? response : null,
        };
    }

    /// <summary>Checks that no tokens were lost, using the counts in the message.</summary>
    private void CheckCounts(GenerateComplete complete, int received)
    {
        if (complete.FinishReason is "error" or "abort")
        {
            // The request may have ended before anything was counted.
            return;
        }

        CheckPromptCount(complete.PromptTokens);
        if (complete.OutputIds.Count > received)
        {
            throw new InvalidDataException(
                $"the last message repeats {complete.OutputIds.Count} tokens where {received} were received; some were lost");
        }
    }

    private static GenerationFinish ToFinish(GenerateComplete complete, int total) => new()
    {
        Reason = complete.FinishReason switch
        {
            "stop" or "" => GenerationFinishReason.Stop,
            "length" => GenerationFinishReason.Length,
            "abort" => GenerationFinishReason.Abort,
            "repetition" => GenerationFinishReason.Repetition,
            _ => GenerationFinishReason.Other,
        },
        RawReason = complete.FinishReason,
        StopTokenId = complete.HasMatchedTokenId ? TokenIdConversion.ToId(complete.MatchedTokenId) : null,
        StopString = complete.HasMatchedStopStr ? complete.MatchedStopStr : null,
        OutputTokens = total,
        KvTransferParamsJson = complete.HasKvTransferParamsJson ? complete.KvTransferParamsJson : null,
        AcceptedDraftTokens = checked((int)complete.SpecAcceptedTokens),
        DraftTokens = checked((int)complete.SpecDraftTokens),
    };
}

/// <summary>Reads log probabilities of the VllmEngine service: parallel lists, with the token itself first among its candidates.</summary>
internal static class VllmEngineLogprobs
{
    public static IReadOnlyList<TokenLogprob>? Read(OutputLogProbs? message) => message is null
        ? null
        : Read(message.TokenIds, message.TopLogprobs, message.TokenLogprobs, static logprob => logprob);

    public static IReadOnlyList<TokenLogprob>? Read(InputLogProbs? message) => message is null
        ? null
        : Read(message.TokenIds, message.TopLogprobs, message.TokenLogprobs, static logprob => logprob.HasValue ? logprob.Value : null);

    private static TokenLogprob[] Read<T>(
        RepeatedField<uint> ids, RepeatedField<TopLogProbs> candidates, RepeatedField<T> logprobs, Func<T, float?> toLogprob)
    {
        RequireEqual(ids.Count, logprobs.Count);
        var list = new TokenLogprob[ids.Count];
        for (var i = 0; i < list.Length; i++)
        {
            list[i] = new(TokenIdConversion.ToId(ids[i]), toLogprob(logprobs[i])) { Alternatives = Candidates(candidates, i) };
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

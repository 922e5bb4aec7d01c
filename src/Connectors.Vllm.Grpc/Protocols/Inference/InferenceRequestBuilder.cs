using System.Globalization;
using Connectors.Vllm.Grpc.Protocol.Inference;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Builds generation requests for the Inference service. Adds no defaults; they are applied before. Zero means "the model's generation_config" to
/// this server, so an explicit neutral value is written as one that has no effect.
/// </summary>
internal static class InferenceRequestBuilder
{
    /// <summary>A min_p that the server does not treat as zero and that still has no effect.</summary>
    private const float NegligibleMinP = 1e-9f;

    public static GenerateRequest Build(GenerationRequest request, SamplingOptions sampling, string requestId)
    {
        var message = new GenerateRequest
        {
            RequestId = requestId,
            Model = request.Model ?? string.Empty,
            Sampling = OrNull(BuildSampling(sampling, request.VocabularySize)),
            Decoding = OrNull(BuildDecoding(request, sampling)),
            Stopping = OrNull(BuildStopping(request, sampling)),
            Response = OrNull(BuildResponse(request, sampling)),
            TruncatePromptTokens = (uint)(sampling.TruncatePromptTokens ?? 0),
            Priority = request.Priority ?? 0,
            LoraName = request.LoraName ?? string.Empty,
            Kv = OrNull(BuildCache(request)),
            KvHints = request.KvHints is { } hints ? KVHintsEnvelope.Parser.ParseJson(hints) : null,
        };
        if (request.PromptText is { } text)
        {
            message.Text = text;
        }
        else
        {
            message.TokenIds = new TokenIds();
            TokenIdConversion.Fill(message.TokenIds.Ids, request.PromptIds.Span);
        }

        if (sampling.Temperature is { } temperature)
        {
            message.Temperature = temperature;
        }

        if (request.Watermarking is { } watermarking)
        {
            message.Watermarking = watermarking;
        }

        if (request.SessionId is { } session)
        {
            message.SessionId = session;
        }

        foreach (var item in request.Media)
        {
            message.Media.Add(ToMedia(item));
        }

        return message;
    }

    /// <summary>Gets the metadata of a request; the data-parallel rank is sent as metadata.</summary>
    public static IReadOnlyDictionary<string, string>? Metadata(GenerationRequest request)
    {
        if (request.DataParallelRank is not { } rank)
        {
            return request.Metadata;
        }

        var metadata = request.Metadata is null ? [] : new Dictionary<string, string>(request.Metadata);
        metadata["x-data-parallel-rank"] = rank.ToString(CultureInfo.InvariantCulture);
        return metadata;
    }

    private static RandomSampling BuildSampling(SamplingOptions sampling, int? vocabularySize)
    {
        var message = new RandomSampling
        {
            NumSequences = (uint)(sampling.ChoiceCount ?? 0),
            TopP = sampling.TopP ?? 0,
            TopK = sampling.TopK switch
            {
                null => 0,
                > 0 and var k => (uint)k,
                _ => (uint)(vocabularySize ?? int.MaxValue),
            },
            MinP = sampling.MinP is 0 ? NegligibleMinP : sampling.MinP ?? 0,
        };
        if (sampling.Seed is { } seed)
        {
            message.Seed = seed;
        }

        return message;
    }

    private static DecodingParameters BuildDecoding(GenerationRequest request, SamplingOptions sampling)
    {
        var message = new DecodingParameters
        {
            PresencePenalty = sampling.PresencePenalty ?? 0,
            FrequencyPenalty = sampling.FrequencyPenalty ?? 0,
            RepetitionPenalty = sampling.RepetitionPenalty ?? 0,
        };
        foreach (var (id, bias) in sampling.LogitBias ?? new Dictionary<int, float>())
        {
            message.LogitBias[(uint)id] = bias;
        }

        TokenIdConversion.Fill(message.AllowedTokenIds, sampling.AllowedTokenIds ?? []);
        var constraint = request.Constraint;
        switch (constraint?.Kind)
        {
            case null:
                break;
            case OutputConstraintKind.JsonSchema:
                message.Json = constraint.Value;
                break;
            case OutputConstraintKind.JsonObject:
                message.JsonObject = true;
                break;
            case OutputConstraintKind.Regex:
                message.Regex = constraint.Value;
                break;
            case OutputConstraintKind.Grammar:
                message.Grammar = constraint.Value;
                break;
            case OutputConstraintKind.StructuralTag:
                message.StructuralTag = constraint.Value;
                break;
            default:
                message.Choice = new StringChoices { Choices = { constraint.Choices } };
                break;
        }

        return message;
    }

    private static StoppingCriteria BuildStopping(GenerationRequest request, SamplingOptions sampling)
    {
        var message = new StoppingCriteria
        {
            MaxNewTokens = (uint)(sampling.MaxTokens ?? 0),
            MinNewTokens = (uint)(sampling.MinTokens ?? 0),
            IncludeStopStrings = sampling.IncludeStopString ?? false,
            IgnoreEos = sampling.IgnoreEos ?? false,
        };
        TokenIdConversion.Fill(message.StopTokenIds, request.StopTokenIds);
        message.StopStrings.AddRange(request.StopStrings);
        return message;
    }

    private static ResponseOptions BuildResponse(GenerationRequest request, SamplingOptions sampling)
    {
        var message = new ResponseOptions
        {
            PromptTokenIds = request.IncludePromptIds || request.PromptLogprobs is not null,
            PromptLogprobs = request.PromptLogprobs is not null,
            OutputTokenIds = request.IncludeTokenIds,
            OutputLogprobs = request.Logprobs is not null || request.LogprobTokenIds is { Count: > 0 },
        };
        if (!request.IncludeServerText)
        {
            // Absent means true.
            message.OutputText = false;
        }

        if (request.PromptLogprobs is > 0 and var promptCount)
        {
            message.PromptCandidates = new CandidateTokens { TopN = (uint)promptCount };
        }

        if (request.LogprobTokenIds is { Count: > 0 } chosen)
        {
            var ids = new TokenIds();
            TokenIdConversion.Fill(ids.Ids, chosen);
            message.OutputCandidates = new CandidateTokens { TokenIds = ids };
        }
        else if (request.Logprobs is > 0 and var count)
        {
            message.OutputCandidates = new CandidateTokens { TopN = (uint)count };
        }

        if (sampling.SkipSpecialTokens is { } skip)
        {
            message.SkipSpecialTokens = skip;
        }

        return message;
    }

    private static KVCacheParameters BuildCache(GenerationRequest request) => new()
    {
        BypassPrefixCache = request.BypassPrefixCache,
        CacheSalt = request.CacheSalt ?? string.Empty,
        KvTransferParams = request.KvTransferParamsJson is { } json ? Struct.Parser.ParseJson(json) : null,
    };

    private static Protocol.Inference.MediaItem ToMedia(MediaItem item)
    {
        var message = new Protocol.Inference.MediaItem
        {
            Modality = item.Kind switch
            {
                MediaKind.Video => Modality.Video,
                MediaKind.Audio => Modality.Audio,
                _ => Modality.Image,
            },
            MimeType = item.MediaType ?? string.Empty,
        };
        if (item.Uri is { } uri)
        {
            message.Url = uri.AbsoluteUri;
        }
        else
        {
            message.RawBytes = UnsafeByteOperations.UnsafeWrap(item.Data);
        }

        return message;
    }

    private static T? OrNull<T>(T message)
        where T : class, IMessage => message.CalculateSize() == 0 ? null : message;
}

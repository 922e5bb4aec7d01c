using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Grpc.Protocol.Engine;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Builds generation requests for the VllmEngine service. Adds no defaults; they are applied before. Values for which the server treats zero as
/// neutral are left unset.
/// </summary>
internal static class VllmEngineRequestBuilder
{
    public static GenerateRequest Build(GenerationRequest request, SamplingOptions sampling, string requestId)
    {
        var message = new GenerateRequest { RequestId = requestId, Stream = request.Stream, SamplingParams = Build(request, sampling) };
        if (request.PromptText is { } text)
        {
            message.Text = text;
        }
        else
        {
            message.Tokenized = new TokenizedInput();
            TokenIdConversion.Fill(message.Tokenized.InputIds, request.PromptIds.Span);
        }

        if (request.KvTransferParamsJson is { } kv)
        {
            message.KvTransferParamsJson = kv;
        }

        if (request.DataParallelRank is { } rank)
        {
            message.DataParallelRank = rank;
        }

        if (request.Media.Count > 0)
        {
            message.MediaRefs = new MediaRefs();
            foreach (var item in request.Media)
            {
                message.MediaRefs.Items.Add(new MediaRef { Modality = ToModality(item.Kind), Url = ToUrl(item) });
            }
        }

        return message;
    }

    private static SamplingParams? Build(GenerationRequest request, SamplingOptions sampling)
    {
        var message = new SamplingParams
        {
            TopP = sampling.TopP ?? 0,
            TopK = (uint)Math.Max(sampling.TopK ?? 0, 0),
            MinP = sampling.MinP ?? 0,
            FrequencyPenalty = sampling.FrequencyPenalty ?? 0,
            PresencePenalty = sampling.PresencePenalty ?? 0,
            RepetitionPenalty = sampling.RepetitionPenalty ?? 0,
            MinTokens = (uint)(sampling.MinTokens ?? 0),
            SkipSpecialTokens = sampling.SkipSpecialTokens ?? false,
            SpacesBetweenSpecialTokens = sampling.SpacesBetweenSpecialTokens ?? false,
            IgnoreEos = sampling.IgnoreEos ?? false,
            N = (uint)(sampling.ChoiceCount ?? 0),
            IncludeStopStrInOutput = sampling.IncludeStopString ?? false,
        };
        message.Stop.AddRange(request.StopStrings);
        TokenIdConversion.Fill(message.StopTokenIds, request.StopTokenIds);
        if (sampling.Temperature is { } temperature)
        {
            message.Temperature = temperature;
        }

        if (sampling.MaxTokens is { } maxTokens)
        {
            message.MaxTokens = (uint)maxTokens;
        }

        if (request.Logprobs is { } logprobs)
        {
            message.Logprobs = logprobs;
        }

        if (request.PromptLogprobs is { } promptLogprobs)
        {
            message.PromptLogprobs = promptLogprobs;
        }

        if (sampling.Seed is { } seed)
        {
            message.Seed = checked((int)seed);
        }

        if (sampling.TruncatePromptTokens is { } truncate)
        {
            message.TruncatePromptTokens = truncate;
        }

        foreach (var (id, bias) in sampling.LogitBias ?? new Dictionary<int, float>())
        {
            message.LogitBias[id] = bias;
        }

        SetConstraint(message, request.Constraint);
        return message.CalculateSize() == 0 ? null : message;
    }

    private static void SetConstraint(SamplingParams message, OutputConstraint? constraint)
    {
        switch (constraint?.Kind)
        {
            case null:
                break;
            case OutputConstraintKind.JsonSchema:
                message.JsonSchema = constraint.Value;
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
                message.Choice = new ChoiceConstraint { Choices = { constraint.Choices } };
                break;
        }
    }

    private static Modality ToModality(MediaKind kind) => kind switch
    {
        MediaKind.Video => Modality.Video,
        MediaKind.Audio => Modality.Audio,
        _ => Modality.Image,
    };

    private static string ToUrl(MediaItem item) => item.Uri is { } uri
        ? uri.AbsoluteUri
        : $"data:{item.MediaType ?? DefaultMediaType(item.Kind)};base64,{Convert.ToBase64String(item.Data.Span)}";

    private static string DefaultMediaType(MediaKind kind) => kind switch
    {
        MediaKind.Video => "video/mp4",
        MediaKind.Audio => "audio/wav",
        _ => "image/png",
    };
}

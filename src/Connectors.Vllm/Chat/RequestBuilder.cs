using Connectors.Vllm.Grpc;
using Grpc.Core;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Options to the engine's request. What <see cref="ChatOptions.RawRepresentationFactory"/> set wins; the typed options fill what it left open.
/// </summary>
internal static class RequestBuilder
{
    public static GenerationRequest Build(ChatContext context, int[] ids, IReadOnlyList<MediaItem> media, ConstraintPlan plan)
    {
        var (profile, settings, options, extras, client, logger) = context;
        var raw = client is null ? Empty : options?.RawRepresentationFactory?.Invoke(client) as GenerationRequest ?? Empty;
        if ((options?.ModelId ?? settings.ModelId) is { } model && settings.RequireServedModel && model != context.Adapter && !Serves(profile, model))
        {
            throw new VllmRequestException(
                $"The server does not serve a model named '{model}'; it serves"
                    + $" {string.Join(", ", profile.ModelInfo!.ServedModelNames.DefaultIfEmpty(profile.ModelId))}.")
            {
                StatusCode = StatusCode.NotFound,
                Parameter = options?.ModelId is null ? nameof(VllmGrpcOptions.ModelId) : nameof(ChatOptions.ModelId),
            };
        }

        if (media.Any(static item => item.Uri is not null) && !settings.AllowRemoteMedia)
        {
            throw new VllmRequestException("Media addresses are switched off (AllowRemoteMedia): load the bytes and pass them as DataContent.")
            { Parameter = nameof(GenerationRequest.Media) };
        }

        LogIgnored(profile, options, extras, logger);
        var stops = plan.StopsReachServer ? ConstraintPlan.StopStringsOf(options) : [];
        return raw with
        {
            PromptIds = ids,
            PromptText = null,
            RequestId = extras.RequestId ?? raw.RequestId ?? GenerationRequest.NewRequestId("chatcmpl-"),
            Sampling = Sampling(raw.Sampling, options, extras),
            Constraint = raw.Constraint ?? plan.Constraint,
            StopStrings = stops.Count == 0 ? raw.StopStrings : [.. raw.StopStrings, .. stops],
            StopTokenIds = [.. raw.StopTokenIds, .. extras.StopTokenIds ?? [], .. extras.IgnoreEos ? [] : profile.StopTokens.ToSend],
            Logprobs = raw.Logprobs ?? extras.Logprobs,
            LogprobTokenIds = raw.LogprobTokenIds ?? extras.LogprobTokenIds,
            PromptLogprobs = raw.PromptLogprobs ?? extras.PromptLogprobs,
            Media = media.Count > 0 ? media : raw.Media,
            Model = raw.Model ?? ModelName(profile, settings, options),
            LoraName = raw.LoraName ?? extras.LoraName ?? context.Adapter,
            Metadata = raw.Metadata ?? extras.RequestMetadata,
            Priority = raw.Priority ?? extras.Priority,
            CacheSalt = raw.CacheSalt ?? extras.CacheSalt,
            SessionId = raw.SessionId ?? extras.SessionId,
            BypassPrefixCache = raw.BypassPrefixCache || extras.BypassPrefixCache == true,
            Watermarking = raw.Watermarking ?? extras.Watermarking,
            KvTransferParamsJson = raw.KvTransferParamsJson ?? extras.KvTransferParameters,
            DataParallelRank = raw.DataParallelRank ?? extras.DataParallelRank,
            VocabularySize = raw.VocabularySize ?? profile.VocabularySize,
            ContextLength = raw.ContextLength ?? profile.ContextLength,
            ModelDefaults = raw.ModelDefaults ?? profile.SamplingDefaults,
            PreparedFor = profile.ModelInfo,
            Stream = true,
        };
    }

    private static readonly GenerationRequest Empty = new();

    private static void LogIgnored(VllmModelProfile profile, ChatOptions? options, VllmExtras extras, ILogger logger)
    {
        foreach (var key in extras.Unknown.Where(profile.IsFirstMention))
        {
            Log.UnknownOption(logger, key);
        }

        if (options?.ConversationId is not null)
        {
            Log.OptionIgnored(logger, nameof(ChatOptions.ConversationId), "a vLLM server keeps no conversations");
        }

        if (options?.ContinuationToken is not null || options?.AllowBackgroundResponses == true)
        {
            Log.OptionIgnored(logger, nameof(ChatOptions.ContinuationToken), "vLLM's gRPC interface cannot take up an answer again");
        }
    }

    /// <summary>What the caller asks; everything else is filled by the engine.</summary>
    private static SamplingOptions Sampling(SamplingOptions raw, ChatOptions? options, VllmExtras extras) => raw.WithDefaults(new SamplingOptions
    {
        Temperature = options?.Temperature,
        TopP = options?.TopP,
        TopK = options?.TopK,
        MinP = (float?)extras.MinP,
        FrequencyPenalty = options?.FrequencyPenalty,
        PresencePenalty = options?.PresencePenalty,
        RepetitionPenalty = (float?)extras.RepetitionPenalty,
        MaxTokens = options?.MaxOutputTokens,
        MinTokens = extras.MinTokens,
        IgnoreEos = extras.IgnoreEos ? true : null,
        ChoiceCount = extras.ChoiceCount > 1 ? extras.ChoiceCount : null,
        Seed = options?.Seed,
        LogitBias = extras.LogitBias,
        AllowedTokenIds = extras.AllowedTokenIds,
        TruncatePromptTokens = extras.TruncatePromptTokens,
    });

    /// <summary>A name the server may not know is only sent when somebody chose it for this server.</summary>
    private static string? ModelName(VllmModelProfile profile, VllmGrpcOptions settings, ChatOptions? options) =>
        options?.ModelId is { } asked && Serves(profile, asked) ? asked
        : settings.ModelId is { } configured && Serves(profile, configured) ? configured
        : null;

    public static bool Serves(VllmModelProfile profile, string model) =>
        profile.ModelInfo is null || profile.ModelInfo.ServedModelNames.Contains(model, StringComparer.Ordinal)
        || profile.ModelInfo.ServedModelName == model || profile.ModelInfo.ModelId == model || profile.ModelInfo.ModelPath == model;
}

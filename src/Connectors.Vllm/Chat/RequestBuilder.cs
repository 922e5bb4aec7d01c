using Connectors.Vllm.Grpc;
using Grpc.Core;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm;

/// <summary>
/// Converts options to the engine's request. Values set by <see cref="ChatOptions.RawRepresentationFactory"/> take precedence over the typed options.
/// </summary>
internal static class RequestBuilder
{
    public static GenerationRequest Build(ChatContext context, int[] ids, IReadOnlyList<MediaItem> media, ConstraintPlan plan)
    {
        var (profile, settings, options, extras, client, logger) = context;
        var made = client is null ? null : options?.RawRepresentationFactory?.Invoke(client);
        var raw = made as GenerationRequest ?? Empty;
        if (made is not (null or GenerationRequest))
        {
            Log.OptionIgnored(logger, nameof(ChatOptions.RawRepresentationFactory), $"it made a {made.GetType()}, not a {nameof(GenerationRequest)}");
        }

        if ((options?.ModelId ?? settings.ModelId) is { } model && settings.RequireServedModel && model != context.Adapter && !Serves(profile, model))
        {
            throw new VllmRequestException(
                $"The server does not serve a model named '{model}'; it serves"
                    + $" {string.Join(", ", profile.ModelInfo!.ServedModelNames.DefaultIfEmpty(profile.ModelId))}. The name was set by "
                    + $"{(options?.ModelId is null ? "VllmGrpcOptions" : "ChatOptions")}.ModelId, and RequireServedModel refuses other names.")
            {
                StatusCode = StatusCode.NotFound,
                Parameter = options?.ModelId is null ? nameof(VllmGrpcOptions.ModelId) : nameof(ChatOptions.ModelId),
            };
        }

        if (media.Any(static item => item.Uri is not null) && !settings.AllowRemoteMedia)
        {
            throw new VllmRequestException("Media addresses are not allowed (AllowRemoteMedia): load the bytes and pass them as DataContent.")
            { Parameter = nameof(GenerationRequest.Media) };
        }

        if (options?.MaxOutputTokens < 1)
        {
            throw new VllmRequestException($"{nameof(options.MaxOutputTokens)} is {options.MaxOutputTokens}; it must be at least 1.")
            {
                StatusCode = StatusCode.InvalidArgument,
                Parameter = nameof(options.MaxOutputTokens),
            };
        }

        LogIgnored(profile, options, extras, logger);
        var stops = plan.StopsReachServer ? ConstraintPlan.GetStopStrings(options) : [];
        var request = extras.Values.Aggregate(raw, static (filled, extra) => extra.Option.Fill(filled, extra.Value));
        return request with
        {
            PromptIds = ids,
            PromptText = null,
            RequestId = request.RequestId ?? GenerationRequest.NewRequestId("chatcmpl-"),
            Sampling = Sampling(request.Sampling, options),
            Constraint = request.Constraint ?? plan.Constraint,
            StopStrings = stops.Count == 0 ? request.StopStrings : [.. request.StopStrings, .. stops],
            StopTokenIds = [.. request.StopTokenIds, .. extras.Get(VllmOptions.IgnoreEos) == true ? [] : profile.StopTokens.ToSend],
            Media = media.Count > 0 ? media : request.Media,
            Model = request.Model ?? ModelName(profile, settings, options),
            LoraName = request.LoraName ?? context.Adapter,
            VocabularySize = request.VocabularySize ?? profile.VocabularySize,
            ContextLength = request.ContextLength ?? profile.ContextLength,
            ModelDefaults = request.ModelDefaults ?? profile.SamplingDefaults,
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
            Log.OptionIgnored(logger, nameof(ChatOptions.ConversationId), "a vLLM server does not store conversations");
        }

        if (options?.ContinuationToken is not null)
        {
            Log.OptionIgnored(logger, nameof(ChatOptions.ContinuationToken), "vLLM's gRPC interface cannot resume an answer");
        }

        if (options?.AllowBackgroundResponses == true)
        {
            Log.OptionIgnored(logger, nameof(ChatOptions.AllowBackgroundResponses), "a vLLM server answers while the caller waits");
        }
    }

    /// <summary>Gets the caller's sampling options; the engine applies all defaults.</summary>
    private static SamplingOptions Sampling(SamplingOptions asked, ChatOptions? options) => asked.WithDefaults(new SamplingOptions
    {
        Temperature = options?.Temperature,
        TopP = options?.TopP,
        TopK = options?.TopK,
        FrequencyPenalty = options?.FrequencyPenalty,
        PresencePenalty = options?.PresencePenalty,
        MaxTokens = options?.MaxOutputTokens,
        Seed = options?.Seed,
    });

    /// <summary>Gets the model name to send, which must be one that the server serves.</summary>
    private static string? ModelName(VllmModelProfile profile, VllmGrpcOptions settings, ChatOptions? options) =>
        options?.ModelId is { } asked && Serves(profile, asked) ? asked
        : settings.ModelId is { } configured && Serves(profile, configured) ? configured
        : null;

    public static bool Serves(VllmModelProfile profile, string model) =>
        profile.ModelInfo is null || profile.ModelInfo.ServedModelNames.Contains(model, StringComparer.Ordinal)
        || profile.ModelInfo.ServedModelName == model || profile.ModelInfo.ModelId == model || profile.ModelInfo.ModelPath == model;
}

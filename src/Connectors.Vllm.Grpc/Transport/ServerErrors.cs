using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Maps statuses of vLLM servers to exceptions. The codes alone are not enough: some servers report invalid arguments as INTERNAL and an unavailable
/// image as UNAVAILABLE, so known messages are matched as well.
/// </summary>
internal static class ServerErrors
{
    private static readonly string[] DeadEngineTexts =
    [
        "EngineCore encountered an issue",
        "engine core reported fatal failure",
        "Engine is not alive",
        "engine ZMQ client is closed",
        "engine connection failed",
    ];

    /// <summary>Messages of overloaded servers; the status RESOURCE_EXHAUSTED needs none.</summary>
    private static readonly string[] OverloadTexts =
    [
        "currently busy and cannot accept new requests",
        "worker is saturated",
    ];

    /// <summary>Messages of validation errors that some servers since vLLM 0.27 send as INTERNAL.</summary>
    private static readonly string[] BadArgumentTexts =
    [
        " must be ",
        "is longer than the maximum model length",
        "out of vocabulary",
        "out-of-vocab",
        "greater than max allowed",
        "cannot contain an empty string",
        "cannot be empty",
        "(parameter=",
    ];

    /// <summary>Messages of a health check that report a dead engine.</summary>
    private static readonly string[] DeadHealthTexts = ["Engine is not alive", "Engine connection failed"];

    /// <summary>The trailer that says who is at fault for a failure with media: <c>client</c> or <c>transient</c>.</summary>
    private const string MediaFaultTrailer = "smg-media-fault";

    private static readonly string[] BadMediaTexts =
    [
        "multimodal preprocessing error",
        "Failed to apply prompt replacement",
    ];

    /// <summary>Whether a server refused stop strings because it has no tokenizer to find them with.</summary>
    public static bool LacksTokenizer(VllmException exception) => exception.StatusCode == StatusCode.FailedPrecondition
        && exception.ServerMessage.Contains("string stop sequences need", StringComparison.Ordinal);

    /// <summary>Whether a health check reports that the engine has died, as opposed to not serving at the moment.</summary>
    public static bool IsEngineDead(VllmHealth health) =>
        Array.Exists(DeadHealthTexts, text => health.Message.Contains(text, StringComparison.Ordinal));

    /// <summary>Messages of refusals that concern media, whatever the status code.</summary>
    private static readonly string[] MediaTexts =
    [
        .. BadMediaTexts,
        "media_refs",
        "media[",
        "multimodal",
        "Failed to load image",
        "Failed to fetch media",
        "may be provided in one prompt",
        "allowed domains",
        "base64",
        "fetch failed",
    ];

    /// <param name="exception">The status and its trailers.</param>
    /// <param name="method">The full name of the method.</param>
    /// <param name="call">The call.</param>
    public static VllmException ToException(RpcException exception, string method, CallContext call)
    {
        var (code, message) = (exception.StatusCode, exception.Status.Detail);
        var (requestId, endpoint) = (call.RequestId, call.Endpoint);
        var text = $"{method} at {endpoint} failed with {StatusName.Of((int)code)}: "
            + $"{(message.Length == 0 ? "(the server gave no reason)" : message)}";
        var dead = ContainsAny(message, DeadEngineTexts);
        var mediaFault = exception.Trailers.GetValue(MediaFaultTrailer);
        if (dead)
        {
            text += " The server's engine has died; it must be restarted.";
        }

        switch (code)
        {
            case var _ when IsRequestError(code, message, dead, mediaFault):
                return new VllmRequestException(text, exception)
                {
                    StatusCode = code,
                    ServerMessage = message,
                    Method = method,
                    RequestId = requestId,
                    Endpoint = endpoint,
                    Parameter = mediaFault is not null || ContainsAny(message, MediaTexts) ? nameof(GenerationRequest.Media) : FindParameter(message),
                };

            case StatusCode.Unavailable:
                return new VllmConnectionException(text, exception)
                {
                    StatusCode = code,
                    ServerMessage = message,
                    Method = method,
                    RequestId = requestId,
                    Endpoint = endpoint,
                    IsRetryable = true,
                    IsEngineDead = dead,
                    IsOverloaded = ContainsAny(message, OverloadTexts),
                };

            case StatusCode.DeadlineExceeded:
                return new VllmTimeoutException(text, exception)
                {
                    Kind = VllmTimeoutKind.Call,
                    LimitOption = call.TimeoutOption,
                    StatusCode = code,
                    ServerMessage = message,
                    Method = method,
                    RequestId = requestId,
                    Endpoint = endpoint,
                    IsRetryable = true,
                };

            default:
                return new VllmException(text, exception)
                {
                    StatusCode = code,
                    ServerMessage = message,
                    Method = method,
                    RequestId = requestId,
                    Endpoint = endpoint,
                    IsRetryable = code == StatusCode.ResourceExhausted,
                    IsEngineDead = dead,
                    IsOverloaded = code == StatusCode.ResourceExhausted,
                };
        }
    }

    private static bool IsRequestError(StatusCode code, string message, bool dead, string? mediaFault) => code switch
    {
        StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.AlreadyExists or StatusCode.FailedPrecondition
            or StatusCode.OutOfRange or StatusCode.Unimplemented => true,
        StatusCode.Internal => !dead && (ContainsAny(message, BadArgumentTexts) || ContainsAny(message, BadMediaTexts)),
        StatusCode.ResourceExhausted => message.Contains("larger than max", StringComparison.OrdinalIgnoreCase),

        // The trailer says who is at fault; older servers send the message only, and their failures are final.
        StatusCode.Unavailable => mediaFault == "client" || (mediaFault is null && message.Contains("fetch failed", StringComparison.Ordinal)),
        _ => false,
    };

    private static bool ContainsAny(string text, string[] parts)
    {
        foreach (var part in parts)
        {
            if (text.Contains(part, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Gets the name in this package of a parameter named in the message, such as <c>(parameter=top_p, value=2.0)</c>.</summary>
    private static string? FindParameter(string message)
    {
        const string Marker = "(parameter=";
        var start = message.LastIndexOf(Marker, StringComparison.Ordinal);
        if (start < 0)
        {
            return null;
        }

        start += Marker.Length;
        var end = message.AsSpan(start).IndexOfAny(',', ')');
        return end <= 0 ? null : message.Substring(start, end) switch
        {
            "temperature" => nameof(SamplingOptions.Temperature),
            "top_p" => nameof(SamplingOptions.TopP),
            "top_k" => nameof(SamplingOptions.TopK),
            "min_p" => nameof(SamplingOptions.MinP),
            "max_tokens" => nameof(SamplingOptions.MaxTokens),
            "min_tokens" => nameof(SamplingOptions.MinTokens),
            "presence_penalty" => nameof(SamplingOptions.PresencePenalty),
            "frequency_penalty" => nameof(SamplingOptions.FrequencyPenalty),
            "repetition_penalty" => nameof(SamplingOptions.RepetitionPenalty),
            "logprobs" => nameof(GenerationRequest.Logprobs),
            "prompt_logprobs" => nameof(GenerationRequest.PromptLogprobs),
            var other => other,
        };
    }
}

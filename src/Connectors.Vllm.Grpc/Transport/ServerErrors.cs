using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// What a status from a vLLM server means. The codes alone do not tell: some servers report bad arguments as INTERNAL and a missing
/// picture as UNAVAILABLE, so the known texts are looked at as well.
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

    /// <summary>Texts of servers that are full for the moment; with RESOURCE_EXHAUSTED no text is needed.</summary>
    private static readonly string[] OverloadTexts =
    [
        "currently busy and cannot accept new requests",
        "worker is saturated",
    ];

    /// <summary>Texts of validation errors that servers between vLLM 0.27 and the servicer's repair send as INTERNAL.</summary>
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

    /// <summary>Says whose fault a failure with media is: <c>client</c> or <c>transient</c>.</summary>
    private static readonly string[] DeadHealthTexts = ["Engine is not alive", "Engine connection failed"];

    private const string MediaFaultTrailer = "smg-media-fault";

    private static readonly string[] BadMediaTexts =
    [
        "multimodal preprocessing error",
        "Failed to apply prompt replacement",
    ];

    /// <summary>Whether a server takes no stop strings because it has no tokenizer to find them with.</summary>
    public static bool LacksTokenizer(VllmException exception) => exception.StatusCode == StatusCode.FailedPrecondition
        && exception.ServerMessage.Contains("string stop sequences need", StringComparison.Ordinal);

    /// <summary>Whether a server says that its engine has died, and not only that it does not serve at the moment.</summary>
    public static bool SaysDead(VllmHealth health) =>
        Array.Exists(DeadHealthTexts, text => health.Message.Contains(text, StringComparison.Ordinal));

    /// <summary>Texts of refusals that are about media, whatever their code.</summary>
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

    /// <param name="exception">The status, and the trailers that came with it.</param>
    /// <param name="method">Full name of the method.</param>
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
            case var _ when IsOfTheRequest(code, message, dead, mediaFault):
                return new VllmRequestException(text, exception)
                {
                    StatusCode = code,
                    ServerMessage = message,
                    Method = method,
                    RequestId = requestId,
                    Endpoint = endpoint,
                    Parameter = mediaFault is not null || ContainsAny(message, MediaTexts) ? nameof(GenerationRequest.Media) : ParameterIn(message),
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

    private static bool IsOfTheRequest(StatusCode code, string message, bool dead, string? mediaFault) => code switch
    {
        StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.AlreadyExists or StatusCode.FailedPrecondition
            or StatusCode.OutOfRange or StatusCode.Unimplemented => true,
        StatusCode.Internal => !dead && (ContainsAny(message, BadArgumentTexts) || ContainsAny(message, BadMediaTexts)),
        StatusCode.ResourceExhausted => message.Contains("larger than max", StringComparison.OrdinalIgnoreCase),

        // The trailer says whose fault it is; older servers only have the text, and theirs is final.
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

    /// <summary>The wire name in <c>(parameter=top_p, value=2.0)</c>, as this package calls it.</summary>
    private static string? ParameterIn(string message)
    {
        const string Mark = "(parameter=";
        var start = message.LastIndexOf(Mark, StringComparison.Ordinal);
        if (start < 0)
        {
            return null;
        }

        start += Mark.Length;
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

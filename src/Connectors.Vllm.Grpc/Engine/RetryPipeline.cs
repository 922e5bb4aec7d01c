using Polly;
using Polly.Retry;

namespace Connectors.Vllm.Grpc;

/// <summary>Retrying as <see cref="VllmRetryOptions"/> says, for steps that come before the first message of an answer.</summary>
internal static class RetryPipeline
{
    public static ResiliencePipeline Create(VllmRetryOptions options, int endpointCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxRetries, nameof(VllmRetryOptions.MaxRetries));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxRetries, 10, nameof(VllmRetryOptions.MaxRetries));
        return options.MaxRetries == 0
            ? ResiliencePipeline.Empty
            : new ResiliencePipelineBuilder()
                .AddRetry(new RetryStrategyOptions
                {
                    MaxRetryAttempts = options.MaxRetries,
                    BackoffType = DelayBackoffType.Exponential,
                    Delay = options.BaseDelay,
                    MaxDelay = options.MaxDelay,
                    UseJitter = true,
                    OnRetry = static _ =>
                    {
                        EngineTelemetry.Retries.Add(1);
                        return default;
                    },
                    ShouldHandle = args => ValueTask.FromResult(IsSafe(args.Outcome.Exception, endpointCount)),
                })
                .Build();
    }

    /// <summary>
    /// The server did not work on the request (unreachable, refused, UNAVAILABLE). A dead engine stays dead, so that only helps when there
    /// is another server. A timeout may have left work behind and is not retried, except for the connection's.
    /// </summary>
    public static bool IsSafe(Exception? exception, int endpointCount) => exception switch
    {
        VllmException { IsEngineDead: true } => endpointCount > 1,
        VllmTimeoutException { Kind: VllmTimeoutKind.Connect } => true,
        VllmTimeoutException => false,
        VllmException { IsRetryable: true, StatusCode: VllmStatusCode.Unavailable } => true,
        _ => false,
    };
}

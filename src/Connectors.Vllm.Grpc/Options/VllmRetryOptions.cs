namespace Connectors.Vllm.Grpc;

/// <summary>
/// How often and how fast a call is sent again. Only calls that have received nothing yet, and only failures that say the server
/// did not work on the request (unreachable, refused stream, UNAVAILABLE), are retried.
/// </summary>
public sealed class VllmRetryOptions
{
    /// <summary>Retries after the first attempt, 0 to 10; 0 turns retrying off. Default 3.</summary>
    public int MaxRetries { get; set; } = 3;

    /// <summary>Delay before the first retry; doubled each time, with jitter. Default 200 ms.</summary>
    public TimeSpan BaseDelay { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest delay. Default 5 s.</summary>
    public TimeSpan MaxDelay { get; set; } = TimeSpan.FromSeconds(5);

    internal VllmRetryOptions Clone() => (VllmRetryOptions)MemberwiseClone();
}

using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>Log messages of this package; event ids 1000 to 1099.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Information, "{Endpoint} speaks the {Protocol} protocol")]
    public static partial void ProtocolDetected(ILogger logger, Uri endpoint, VllmProtocol protocol);

    [LoggerMessage(1001, LogLevel.Warning, "{Endpoint} no longer knows a method of the {Protocol} protocol; detecting its protocol again")]
    public static partial void ProtocolForgotten(ILogger logger, Uri endpoint, VllmProtocol protocol);

    [LoggerMessage(1002, LogLevel.Warning, "{Endpoint} is set aside: {Reason}")]
    public static partial void SetAside(ILogger logger, Uri endpoint, string reason);

    [LoggerMessage(1003, LogLevel.Information, "{Endpoint} is healthy again")]
    public static partial void Returned(ILogger logger, Uri endpoint);

    [LoggerMessage(1004, LogLevel.Debug, "Request {RequestId} was abandoned; aborting it at {Endpoint}")]
    public static partial void Aborting(ILogger logger, string requestId, Uri endpoint);

    [LoggerMessage(1005, LogLevel.Debug, "Aborting request {RequestId} at {Endpoint} failed")]
    public static partial void AbortFailed(ILogger logger, string requestId, Uri endpoint, Exception exception);

    [LoggerMessage(1007, LogLevel.Warning, "{Endpoint} answered request {RequestId} but did not end the call: {Reason}")]
    public static partial void EndedWithoutStatus(ILogger logger, Uri endpoint, string requestId, string reason);

    [LoggerMessage(1011, LogLevel.Information, "{Endpoint} refused the constraint of request {RequestId} as {Sent}; sending it as {Other}: {Reason}")]
    public static partial void ConstraintRefused(
        ILogger logger, Uri endpoint, string requestId, OutputConstraintKind sent, OutputConstraintKind other, string reason);

    [LoggerMessage(1012, LogLevel.Warning, "MinTokens {MinTokens} was omitted: the request has a constraint, and servers cannot apply both")]
    public static partial void MinTokensIgnored(ILogger logger, int minTokens);

    [LoggerMessage(1013, LogLevel.Warning, "{Endpoint} has no tokenizer with which to find {Count} stop strings; only the client looks for them")]
    public static partial void StopStringsOmitted(ILogger logger, Uri endpoint, int count);

    [LoggerMessage(1014, LogLevel.Information, "{Endpoint} is not ready yet ({Seconds} s so far): {Said}")]
    public static partial void NotReady(ILogger logger, Uri endpoint, long seconds, string said);

    [LoggerMessage(1006, LogLevel.Information, "A call failed at {Endpoint} before its first message ({Method}, request {RequestId}); "
        + "retrying it in {Milliseconds} ms")]
    public static partial void Retrying(
        ILogger logger, Uri endpoint, string method, string requestId, long milliseconds, Exception exception);
}

/// <summary>
/// The metrics that only the engine can record. They belong to the meter of the Connectors.Vllm package, which documents their names.
/// </summary>
internal static class EngineTelemetry
{
    private static readonly Meter Meter = new("Connectors.Vllm");

    /// <summary>Calls that were sent again because they failed before their first message.</summary>
    public static Counter<long> Retries { get; } = Meter.CreateCounter<long>("vllm.client.retries", "{call}", "Calls that were retried.");
}

using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Aspire.Hosting;

/// <summary>The messages that a resource writes to its own log, which the dashboard shows.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "The test server is listening on {Endpoint}.")]
    public static partial void Listening(ILogger logger, Uri endpoint);

    [LoggerMessage(2, LogLevel.Error, "The test server did not start.")]
    public static partial void NotStarted(ILogger logger, Exception exception);
}

using Microsoft.Extensions.Logging;

namespace Connectors.Vllm.Grpc;

/// <summary>Makes engines.</summary>
public static class VllmEngineFactory
{
    /// <summary>
    /// Makes an engine for the servers of <paramref name="options"/>. Nothing is sent yet: the protocol is found out (unless it is forced)
    /// by the first call, and again after an upgrade of the server.
    /// </summary>
    /// <exception cref="ArgumentException">An address or option is invalid.</exception>
    public static IVllmEngine Create(VllmConnectionOptions options, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        throw new NotImplementedException();
    }
}

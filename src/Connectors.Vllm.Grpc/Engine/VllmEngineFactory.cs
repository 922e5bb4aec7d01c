using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm.Grpc;

/// <summary>Makes engines.</summary>
public static class VllmEngineFactory
{
    /// <summary>
    /// Makes an engine for the servers of <paramref name="options"/>. Nothing is sent yet: the protocol is found out (unless it is forced)
    /// by the first call, and again after an upgrade of the server. An engine holds connections; make one and share it.
    /// </summary>
    /// <exception cref="ArgumentException">An address or option is invalid.</exception>
    public static IVllmEngine Create(VllmConnectionOptions options, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new ServerPool(
            options.Snapshot(),
            static (uri, copy) => new HttpGrpcTransport(uri, copy),
            (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Connectors.Vllm.Grpc"));
    }

    /// <summary>Makes an engine for one address, e.g. <c>http://localhost:9000</c>, with default options.</summary>
    /// <exception cref="ArgumentException">The address is invalid.</exception>
    public static IVllmEngine Create(string address, ILoggerFactory? loggerFactory = null) =>
        Create(VllmConnectionOptions.ForEndpoint(address), loggerFactory);
}

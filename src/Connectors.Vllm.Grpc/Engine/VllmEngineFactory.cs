using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Makes engines: from options, from an address, or over a channel that exists. An engine holds connections; make one and share it.
/// </summary>
public static class VllmEngineFactory
{
    /// <summary>
    /// Creates an engine for the servers of <paramref name="options"/>. Nothing is sent yet: the protocol is found out (unless it is forced)
    /// by the first call, and again after an upgrade of the server.
    /// </summary>
    /// <exception cref="ArgumentException">An address or option is invalid.</exception>
    public static IVllmEngine Create(VllmConnectionOptions options, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new ServerPool(options.Snapshot(), loggerFactory ?? NullLoggerFactory.Instance);
    }

    /// <summary>Creates an engine for one address, e.g. <c>http://localhost:9000</c>, with default options.</summary>
    /// <exception cref="ArgumentException">The address is invalid.</exception>
    public static IVllmEngine Create(string address, ILoggerFactory? loggerFactory = null) =>
        Create(VllmConnectionOptions.ForEndpoint(address), loggerFactory);

    /// <summary>
    /// Creates an engine over a channel that exists, with its handler, interceptors, credentials and limits. Disposing the engine leaves it open.
    /// </summary>
    /// <param name="channel">The channel.</param>
    /// <param name="loggerFactory">For log messages; null logs nothing.</param>
    /// <exception cref="ArgumentException">The channel's target cannot be named as an address.</exception>
    public static IVllmEngine Create(GrpcChannel channel, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(channel);
        var target = channel.Target.Contains("://", StringComparison.Ordinal) ? channel.Target : "http://" + channel.Target;
        var options = new VllmConnectionOptions { CallInvoker = channel.CreateCallInvoker() };
        options.Endpoints.Add(new Uri(target));
        return Create(options, loggerFactory);
    }
}

using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>Kestrel's socket listener, with a handle to close the port while connections go on.</summary>
internal sealed class ClosableListenerFactory : IConnectionListenerFactory
{
    private readonly SocketTransportFactory _sockets = new(Options.Create(new SocketTransportOptions()), NullLoggerFactory.Instance);
    private IConnectionListener? _listener;

    /// <summary>The port that was bound.</summary>
    public int Port => ((IPEndPoint)_listener!.EndPoint).Port;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        _listener = await _sockets.BindAsync(endpoint, cancellationToken).ConfigureAwait(false);
        return _listener;
    }

    /// <summary>Closes the port; later connections are refused.</summary>
    public async Task CloseAsync()
    {
        if (_listener is { } listener)
        {
            await listener.UnbindAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }
}

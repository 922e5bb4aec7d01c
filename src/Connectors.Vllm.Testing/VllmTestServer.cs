using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Model;
using Connectors.Vllm.Testing.Transport;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing;

/// <summary>
/// A vLLM gRPC server inside the test process: real sockets, real HTTP/2, real token ids, no GPU. It answers with a small demonstration model,
/// with scripted replies, or from recorded exchanges; it keeps every request it received; and it plays the ways real servers fail.
/// All members are thread-safe.
/// </summary>
/// <remarks>
/// Semantics (defaults of absent parameters, order and content of stream messages, error texts, abort, prefix cache counts) follow vLLM 0.32 in both of
/// its protocol families. What it does not do: sample, queue, or check the quality of anything.
/// </remarks>
public sealed class VllmTestServer : IAsyncDisposable
{
    private readonly VllmTestServerOptions _options;
    private readonly ServerState _state;
    private GrpcHost? _host;
    private int _port;

    private VllmTestServer(VllmTestServerOptions options, ServerState state)
    {
        _options = options;
        _state = state;
        _port = options.Port;
    }

    /// <summary>Address of the server, e.g. <c>http://127.0.0.1:40123</c>; <c>https</c> when it has a certificate.</summary>
    public Uri Endpoint => new UriBuilder(_options.Certificate is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps, _options.Address.ToString(), _port).Uri;

    /// <summary>The served model's tokenizer.</summary>
    public VllmTokenizer Tokenizer => _state.Model.Tokenizer;

    /// <summary>Files of the served model by name, as GetTokenizer hands them out.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> ModelFiles => _state.Model.Files;

    /// <summary>All calls received so far, oldest first (a snapshot), up to <see cref="VllmTestServerOptions.MaxCapturedRequests"/>.</summary>
    public IReadOnlyList<CapturedRequest> Requests => _state.Log.Snapshot();

    /// <summary>Number of Generate and Embed calls running now.</summary>
    public int ActiveRequests => _state.Running.Count;

    /// <summary>Number of calls that ended because the client cancelled them or its connection went away.</summary>
    public int CancelledCalls => _state.Log.Cancelled;

    /// <summary>Number of running requests that an Abort call ended.</summary>
    public int AbortedRequests => _state.Log.Aborted;

    /// <summary>Number of client connections accepted since the start.</summary>
    public int AcceptedConnections => _state.AcceptedConnections;

    /// <summary>Starts a server.</summary>
    /// <param name="options">Its settings; null takes all defaults.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <returns>The server, listening.</returns>
    /// <exception cref="IOException">The port is taken.</exception>
    /// <exception cref="VllmTestServerException">The model folder or the replay file cannot be read.</exception>
    public static async Task<VllmTestServer> StartAsync(VllmTestServerOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new VllmTestServerOptions();
        var server = new VllmTestServer(options, new ServerState(options, ServedModel.Load(options)));
        await server.StartAsync(cancellationToken).ConfigureAwait(false);
        return server;
    }

    /// <summary>Queues a reply for the next Generate or Embed call for which no other reply is queued.</summary>
    public void Enqueue(ScriptedReply reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        _state.Script.Enqueue(reply);
    }

    /// <summary>Queues replies, first to last.</summary>
    public void Enqueue(params IReadOnlyList<ScriptedReply> replies)
    {
        ArgumentNullException.ThrowIfNull(replies);
        foreach (var reply in replies)
        {
            Enqueue(reply);
        }
    }

    /// <summary>Makes the reply to every request for which nothing is queued. It is called on many threads at once.</summary>
    public void Reply(Func<CapturedRequest, ScriptedReply> responder)
    {
        ArgumentNullException.ThrowIfNull(responder);
        _state.Script.Responder = responder;
    }

    /// <summary>Gives this reply to every request for which nothing is queued.</summary>
    public void Reply(ScriptedReply reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        _state.Script.Responder = _ => reply;
    }

    /// <summary>Goes back to the demonstration model and forgets queued replies.</summary>
    public void ResetReplies()
    {
        _state.Script.Responder = null;
        _state.Script.Clear();
    }

    /// <summary>Plays a fault in the next call of the method whose path ends in <paramref name="method"/> (e.g. <c>GetModelInfo</c>), whatever the call.</summary>
    public void FailNext(string method, ServerFault fault)
    {
        ArgumentException.ThrowIfNullOrEmpty(method);
        ArgumentNullException.ThrowIfNull(fault);
        _state.Script.FailNext(method, fault);
    }

    /// <summary>Waits for the first request, already received or to come, that satisfies <paramref name="predicate"/>.</summary>
    /// <param name="predicate">Which request; null takes any.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<CapturedRequest> WaitForRequestAsync(Func<CapturedRequest, bool>? predicate = null, CancellationToken cancellationToken = default) =>
        _state.Log.WaitAsync(predicate ?? (static _ => true), cancellationToken);

    /// <summary>Waits for the first request whose method path ends in <paramref name="method"/>.</summary>
    public Task<CapturedRequest> WaitForRequestAsync(string method, CancellationToken cancellationToken = default) =>
        WaitForRequestAsync(request => request.Method.EndsWith(method, StringComparison.Ordinal), cancellationToken);

    /// <summary>Waits until no Generate or Embed call runs.</summary>
    public Task WaitUntilIdleAsync(CancellationToken cancellationToken = default) => _state.Running.WaitUntilIdleAsync(cancellationToken);

    /// <summary>Forgets the requests received so far.</summary>
    public void ClearRequests() => _state.Log.Clear();

    /// <summary>
    /// The engine process dies under the server, as seen live. Family A: every running and later call ends INTERNAL
    /// <c>EngineCore encountered an issue…</c> and HealthCheck says unhealthy. Family B: GOAWAY with code 0, the sockets close, and the port refuses connections.
    /// </summary>
    public async Task KillEngineAsync()
    {
        _state.EngineDead = true;
        if (_options.EffectiveFamily == VllmServerFamily.A)
        {
            _state.Running.FailAll(EngineDeath.Failure());
            return;
        }

        await CloseAsync(connection => connection.GoAwayAndClose(0)).ConfigureAwait(false);
    }

    /// <summary>
    /// The server gets SIGTERM. Family A: new calls are refused, running ones go on for <see cref="VllmTestServerOptions.ShutdownGrace"/> and then end
    /// UNAVAILABLE <c>Cancelling all calls</c>. Family B: GOAWAY with code 0 and closed sockets at once. Completes when the server is down.
    /// </summary>
    public async Task TerminateAsync()
    {
        if (_options.EffectiveFamily == VllmServerFamily.A)
        {
            _state.ShuttingDown = true;
            if (_host is { } host)
            {
                await host.StopListeningAsync().ConfigureAwait(false);
            }

            using var grace = new CancellationTokenSource(_options.ShutdownGrace);
            try
            {
                await _state.Running.WaitUntilIdleAsync(grace.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                _state.Running.FailAll(new RpcFailure(RpcStatus.Unavailable, "Cancelling all calls"));
                await _state.Running.WaitUntilIdleAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
            }

            // Told to close, the connections end by themselves once the last trailers have left.
            await CloseAsync(connection => connection.GoAwayAndClose(0), TimeSpan.FromSeconds(1)).ConfigureAwait(false);
            return;
        }

        await CloseAsync(connection => connection.GoAwayAndClose(0)).ConfigureAwait(false);
    }

    /// <summary>Cuts every client connection (TCP RST) and keeps listening.</summary>
    public void DropConnections() => _host?.ForEachConnection(connection => connection.Drop());

    /// <summary>Sends GOAWAY with this HTTP/2 error code on every connection, closes them, and keeps listening.</summary>
    public void SendGoAway(int errorCode, string debugText = "") => _host?.ForEachConnection(connection => connection.GoAwayAndClose(errorCode, debugData: debugText));

    /// <summary>Stops abruptly: sockets are cut and the port is closed. <see cref="RestartAsync"/> brings the server back.</summary>
    public Task StopAsync() => CloseAsync(connection => connection.Drop());

    /// <summary>Starts again on the same port, with a live engine; queued replies and captured requests are kept, the prefix cache is empty.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await StopAsync().ConfigureAwait(false);
        _state.Revive();
        await StartAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Stops the server.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        await _state.DisposeAsync().ConfigureAwait(false);
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        var host = new GrpcHost(_options, _port, _state);
        _port = await host.StartAsync(cancellationToken).ConfigureAwait(false);
        _host = host;
    }

    private async Task CloseAsync(Action<ConnectionTap> farewell, TimeSpan grace = default)
    {
        if (Interlocked.Exchange(ref _host, null) is { } host)
        {
            await host.StopAsync(farewell, grace).ConfigureAwait(false);
        }
    }
}

using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing.Model;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Transport;
using Connectors.Vllm.Tokenizers;

namespace Connectors.Vllm.Testing;

/// <summary>
/// An in-process vLLM gRPC server for tests: real sockets, real HTTP/2, real token ids, no GPU. It answers with scripted replies or with a small
/// demonstration model, records every request it receives, and injects faults on request. All members are thread-safe.
/// </summary>
/// <remarks>
/// Messages have the form that vLLM 0.32 sends: end-of-sequence ids, stop ids, stop strings, minimum and maximum length, several choices and log
/// probabilities are applied to the scripted reply as the engine would apply them. The server does not sample, queue, or validate parameters as vLLM
/// does.
/// </remarks>
public class VllmTestServer : IAsyncDisposable
{
    private readonly VllmTestServerOptions _options;
    private readonly ServerState _state;
    private readonly CallDispatcher _dispatcher;
    private readonly string? _ownedFolder;
    private GrpcHost? _host;
    private int _port;

    internal VllmTestServer(VllmTestServerOptions options, ServerState state, CallDispatcher dispatcher, string? ownedFolder = null)
    {
        _options = options;
        _state = state;
        _dispatcher = dispatcher;
        _ownedFolder = ownedFolder;
        _port = options.Port;
    }

    /// <summary>The address of the server, for example <c>http://127.0.0.1:40123</c>; <c>https</c> if it has a certificate.</summary>
    public Uri Endpoint =>
        new UriBuilder(_options.Certificate is null ? Uri.UriSchemeHttp : Uri.UriSchemeHttps, _options.Address.ToString(), _port).Uri;

    /// <summary>The served model's tokenizer.</summary>
    public VllmTokenizer Tokenizer => _state.Model.Tokenizer;

    /// <summary>
    /// The folder with the served model's files, for the <c>ModelDirectory</c> of a client: <see cref="VllmTestServerOptions.ModelDirectory"/>, or,
    /// with the Inference protocol, which cannot transfer a tokenizer, a temporary folder that exists as long as the server. <see langword="null"/>
    /// if the client gets the files of <see cref="TinyModel"/> from the server.
    /// </summary>
    public string? ModelDirectory => _options.ModelDirectory ?? _ownedFolder;

    /// <summary>The files of the served model by name, as sent by GetTokenizer of the VllmEngine protocol.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> ModelFiles => _state.Model.SentFiles;

    /// <summary>All calls received so far, oldest first (a snapshot), up to <see cref="VllmTestServerOptions.MaxCapturedRequests"/>.</summary>
    public IReadOnlyList<CapturedRequest> Requests => _state.Log.Snapshot();

    /// <summary>The Generate calls in <see cref="Requests"/>, oldest first (a snapshot).</summary>
    public IReadOnlyList<CapturedRequest> Generations => [.. Requests.Where(request => request.IsGeneration)];

    /// <summary>The number of running Generate and Embed calls.</summary>
    public int ActiveRequests => _state.Running.Count;

    /// <summary>The number of calls that ended because the client cancelled them or its connection closed.</summary>
    public int CancelledCalls => _state.Log.Cancelled;

    /// <summary>The number of running requests that an Abort call ended, not counting those whose call was cancelled before.</summary>
    public int AbortedRequests => _state.Log.Aborted;

    /// <summary>The number of client connections accepted since the start.</summary>
    public int AcceptedConnections => _state.AcceptedConnections;

    internal GrpcHost? Host => _host;

    /// <summary>Starts a server.</summary>
    /// <param name="options">The options of the server; <see langword="null"/> uses the defaults.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <returns>The listening server.</returns>
    /// <exception cref="IOException">The port is in use.</exception>
    /// <exception cref="InvalidDataException">The model folder cannot be read.</exception>
    public static Task<VllmTestServer> StartAsync(VllmTestServerOptions? options = null, CancellationToken cancellationToken = default) =>
        StartAsync(options ?? new VllmTestServerOptions(), null, cancellationToken);

    /// <summary>Starts a server; <paramref name="raw"/>, if given, handles all calls as bytes.</summary>
    internal static async Task<VllmTestServer> StartAsync(
        VllmTestServerOptions options, Func<GrpcCall, byte[], Task>? raw, CancellationToken cancellationToken)
    {
        var isEngine = options.EffectiveProtocol == VllmProtocol.VllmEngine;

        // The Inference protocol cannot transfer a tokenizer; clients use the folder.
        var folder = isEngine || options.ModelDirectory is not null
            ? null
            : TinyModel.WriteTo(Directory.CreateTempSubdirectory("vllm-test-server-").FullName);
        var state = new ServerState(options, ServedModel.Load(options, folder));
        RpcService service = isEngine
            ? new VllmEngineService(state)
            : new InferenceService(state, options.EffectiveProtocol == VllmProtocol.LegacyInference);
        var server = new VllmTestServer(options, state, new CallDispatcher(state, service, raw), folder);
        await server.ListenAsync(cancellationToken).ConfigureAwait(false);
        return server;
    }

    /// <summary>Queues a reply for the next Generate or Embed call for which no other reply is queued.</summary>
    public void Enqueue(ScriptedReply reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        _state.Script.Enqueue(reply);
    }

    /// <summary>Queues replies, in order.</summary>
    public void Enqueue(params IReadOnlyList<ScriptedReply> replies)
    {
        ArgumentNullException.ThrowIfNull(replies);
        foreach (var reply in replies)
        {
            Enqueue(reply);
        }
    }

    /// <summary>Sets the function that creates the reply to every request for which none is queued. It is called concurrently.</summary>
    public void Reply(Func<CapturedRequest, ScriptedReply> responder)
    {
        ArgumentNullException.ThrowIfNull(responder);
        _state.Script.Responder = responder;
    }

    /// <summary>Sets the reply to every request for which none is queued.</summary>
    public void Reply(ScriptedReply reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        _state.Script.Responder = _ => reply;
    }

    /// <summary>Returns to the demonstration model and removes queued replies.</summary>
    public void ResetReplies()
    {
        _state.Script.Responder = null;
        _state.Script.Clear();
    }

    /// <summary>
    /// Injects a fault into the next call of the method whose name ends in <paramref name="method"/>, for example <c>GetModelInfo</c>.
    /// </summary>
    public void FailNext(string method, ServerFault fault)
    {
        ArgumentException.ThrowIfNullOrEmpty(method);
        ArgumentNullException.ThrowIfNull(fault);
        _state.Script.FailNext(method, fault);
    }

    /// <summary>Waits for the first request, whether already received or not, that satisfies <paramref name="predicate"/>.</summary>
    /// <param name="predicate">The condition; <see langword="null"/> accepts any request.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public Task<CapturedRequest> WaitForRequestAsync(Func<CapturedRequest, bool>? predicate = null, CancellationToken cancellationToken = default) =>
        _state.Log.WaitAsync(predicate ?? (static _ => true), cancellationToken);

    /// <summary>Waits for the first request whose method name ends in <paramref name="method"/>.</summary>
    public Task<CapturedRequest> WaitForRequestAsync(string method, CancellationToken cancellationToken = default) =>
        WaitForRequestAsync(request => request.Method.EndsWith(method, StringComparison.Ordinal), cancellationToken);

    /// <summary>Waits until no Generate or Embed call is running.</summary>
    public Task WaitUntilIdleAsync(CancellationToken cancellationToken = default) => _state.Running.WaitUntilIdleAsync(cancellationToken);

    /// <summary>Clears the requests received so far.</summary>
    public void ClearRequests() => _state.Log.Clear();

    /// <summary>Drops every client connection (TCP RST) and keeps listening.</summary>
    public void DropConnections() => _host?.ForEachConnection(connection => connection.Drop());

    /// <summary>Stops abruptly: connections are dropped and the port is closed. <see cref="RestartAsync"/> starts the server again.</summary>
    public Task StopAsync() => CloseAsync(connection => connection.Drop());

    /// <summary>Starts again on the same port; queued replies and captured requests are kept.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await StopAsync().ConfigureAwait(false);
        _state.Restart();
        await ListenAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Stops the server.</summary>
    public virtual async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _state.Dispose();
        if (_ownedFolder is not null)
        {
            Directory.Delete(_ownedFolder, recursive: true);
        }

        GC.SuppressFinalize(this);
    }

    internal async Task ListenAsync(CancellationToken cancellationToken)
    {
        var host = new GrpcHost(_options, _port, _dispatcher.HandleAsync, _state.CountConnection);
        _port = await host.StartAsync(cancellationToken).ConfigureAwait(false);
        _host = host;
    }

    internal async Task CloseAsync(Action<ConnectionTap> closeConnection, TimeSpan grace = default)
    {
        if (Interlocked.Exchange(ref _host, null) is { } host)
        {
            await host.StopAsync(closeConnection, grace).ConfigureAwait(false);
        }
    }
}

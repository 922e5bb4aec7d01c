using Connectors.Vllm.Emulator.Engine;
using Connectors.Vllm.Emulator.Inference;
using Connectors.Vllm.Emulator.VllmEngine;
using Connectors.Vllm.Grpc;
using Connectors.Vllm.Testing;
using Connectors.Vllm.Testing.Model;
using Connectors.Vllm.Testing.Protocols;
using Connectors.Vllm.Testing.Recording;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator;

/// <summary>
/// A test server that behaves like vLLM's own servers: parameter checks with their messages, old versions, media, LoRA, prefix cache counts, crashes
/// and shutdowns. It also records and replays exchanges with a real server. For the tests of these packages.
/// </summary>
public sealed class VllmEmulator : VllmTestServer
{
    private readonly VllmEmulatorOptions _options;
    private readonly EmulatorState _state;
    private readonly RecordingProxy? _proxy;

    private VllmEmulator(VllmEmulatorOptions options, EmulatorState state, CallDispatcher dispatcher, RecordingProxy? proxy)
        : base(options, state, dispatcher)
    {
        _options = options;
        _state = state;
        _proxy = proxy;
    }

    private bool IsRust => _options.Server == EmulatedServer.VllmEngineRust;

    /// <summary>Starts a server.</summary>
    /// <param name="options">The options; null uses the defaults.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="IOException">The port is in use.</exception>
    /// <exception cref="InvalidDataException">The model folder or the replay file cannot be read.</exception>
    public static async Task<VllmEmulator> StartAsync(VllmEmulatorOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new VllmEmulatorOptions();
        var state = new EmulatorState(options, ServedModel.Load(options));
        RpcService service = options.Server == EmulatedServer.VllmEngineRust ? new EmulatedRustServicer(state)
            : options.ServedProtocol == VllmProtocol.VllmEngine ? new EmulatedVllmEngine(state)
            : new EmulatedInference(state);
        var proxy = options.Upstream is { } upstream ? new RecordingProxy(upstream, options.RecordFile) : null;
        Func<GrpcCall, byte[], Task>? raw = proxy is not null ? proxy.HandleAsync
            : options.ReplayFile is { } file ? ExchangeReplay.Load(file).HandleAsync
            : null;
        var server = new VllmEmulator(options, state, new CallDispatcher(state, service, raw), proxy);
        await server.ListenAsync(cancellationToken).ConfigureAwait(false);
        return server;
    }

    /// <summary>
    /// Kills the engine process, with the effects observed on real servers. VllmEngine protocol: every running and later call ends INTERNAL
    /// <c>EngineCore encountered an issue…</c> and HealthCheck says unhealthy. Inference protocol: GOAWAY with code 0, the sockets close, and the
    /// port refuses connections.
    /// </summary>
    /// <param name="silently">Whether calls hang, as with the Rust servicer, and only the health check reports the dead engine.</param>
    public async Task KillEngineAsync(bool silently = false)
    {
        if (silently)
        {
            _state.MarkEngineDead(callsHang: true);
            return;
        }

        if (_options.ServedProtocol == VllmProtocol.VllmEngine)
        {
            _state.KillEngine(IsRust ? EmulatedRustServicer.KilledByRequest : EmulatorState.EngineDeathText);
            return;
        }

        _state.MarkEngineDead();
        await CloseAsync(connection => connection.GoAwayAndClose(0)).ConfigureAwait(false);
    }

    /// <summary>
    /// Shuts down as on SIGTERM. VllmEngine protocol: new calls are refused, running ones continue for <see
    /// cref="VllmEmulatorOptions.ShutdownGrace"/> and then end with UNAVAILABLE <c>Cancelling all calls</c>; the Rust servicer answers new calls as
    /// well, while its health is <c>Draining</c>. Inference protocol: GOAWAY with code 0 and closed sockets at once. Completes when the server is
    /// down.
    /// </summary>
    public async Task TerminateAsync()
    {
        if (_options.ServedProtocol != VllmProtocol.VllmEngine)
        {
            await CloseAsync(connection => connection.GoAwayAndClose(0)).ConfigureAwait(false);
            return;
        }

        if (IsRust)
        {
            // Calls, including new ones, are answered until the grace period ends.
            _state.Draining = true;
        }
        else
        {
            _state.ShuttingDown = true;
            if (Host is { } host)
            {
                await host.StopListeningAsync().ConfigureAwait(false);
            }
        }

        using var grace = new CancellationTokenSource(_options.ShutdownGrace);
        try
        {
            await WaitUntilIdleAsync(grace.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            var words = IsRust ? EmulatedRustServicer.ShuttingDown : "Cancelling all calls";
            _state.Running.FailAll(new RpcFailure(RpcStatus.Unavailable, words));
            await WaitUntilIdleAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        }

        // After GOAWAY, the connections close by themselves once the last trailers have been sent.
        await CloseAsync(connection => connection.GoAwayAndClose(0), TimeSpan.FromSeconds(1)).ConfigureAwait(false);
    }

    /// <summary>The number of Generate calls refused because <see cref="VllmEmulatorOptions.MaxQueuedRequests"/> were in the engine.</summary>
    public int RefusedCalls => _state.Refused;

    /// <summary>The number of constraints that the engine's grammar compiler could not compile.</summary>
    public int RefusedConstraints => _state.Compiler.Refusals;

    /// <summary>Ends the loading of the model that <see cref="VllmEmulatorOptions.StartsLoading"/> began.</summary>
    public void FinishLoading() => _state.Loading = false;

    /// <summary>
    /// Begins the shutdown of the Rust servicer: HealthCheck reports <c>Draining</c>, calls are still answered. <see cref="TerminateAsync"/>
    /// completes it.
    /// </summary>
    public void StartDraining() => _state.Draining = true;

    /// <summary>Sends GOAWAY with this HTTP/2 error code on every connection, closes them, and keeps listening.</summary>
    public void SendGoAway(int errorCode, string debugText = "") =>
        Host?.ForEachConnection(connection => connection.GoAwayAndClose(errorCode, debugData: debugText));

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync().ConfigureAwait(false);
        _proxy?.Dispose();
    }
}

using Connectors.Vllm.Testing.Model;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>What all calls of one server share. Survives a restart, except for the engine's own memory.</summary>
internal sealed class ServerState(VllmTestServerOptions options, ServedModel model) : IAsyncDisposable
{
    private int _connections;
    private volatile bool _engineDead;
    private volatile bool _shuttingDown;

    public VllmTestServerOptions Options { get; } = options;

    public ServedModel Model { get; } = model;

    public RequestLog Log { get; } = new(options.MaxCapturedRequests);

    public ReplyScript Script { get; } = new(options.Responder);

    public RunningRequests Running { get; } = new();

    public PrefixCache Prefixes { get; } = new(options.BlockSize);

    public MediaFetcher Media { get; } = new(options);

    public KvEventFeed KvEvents { get; } = new();

    public LoraAdapters Loras { get; } = new(options.LoraAdapters);

    public DateTimeOffset StartedAt { get; } = DateTimeOffset.UtcNow;

    public bool EngineDead
    {
        get => _engineDead;
        set => _engineDead = value;
    }

    public bool ShuttingDown
    {
        get => _shuttingDown;
        set => _shuttingDown = value;
    }

    public int AcceptedConnections => Volatile.Read(ref _connections);

    public void CountConnection() => Interlocked.Increment(ref _connections);

    /// <summary>A fresh engine after a restart.</summary>
    public void Revive()
    {
        EngineDead = false;
        ShuttingDown = false;
        Prefixes.Clear();
    }

    public ValueTask DisposeAsync()
    {
        Running.FailAll(new Transport.RpcFailure(Transport.RpcStatus.Unavailable, "the test server was disposed"));
        Media.Dispose();
        return ValueTask.CompletedTask;
    }
}

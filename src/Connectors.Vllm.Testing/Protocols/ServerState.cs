using Connectors.Vllm.Testing.Generation;
using Connectors.Vllm.Testing.Model;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.Protocols;

/// <summary>The state shared by all calls of a server. It is kept across restarts.</summary>
internal class ServerState(VllmTestServerOptions options, ServedModel model) : IDisposable
{
    private int _connections;
    private volatile bool _shuttingDown;

    public VllmTestServerOptions Options { get; } = options;

    public ServedModel Model { get; } = model;

    public RequestLog Log { get; } = new(options.MaxCapturedRequests, ids => model.Tokenizer.Decode(ids.ToArray()));

    public ReplyScript Script { get; } = new(options.Responder);

    public RunningRequests Running { get; } = new();

    public DateTimeOffset StartedAt { get; } = DateTimeOffset.UtcNow;

    /// <summary>Whether new calls are refused.</summary>
    public bool ShuttingDown
    {
        get => _shuttingDown;
        set => _shuttingDown = value;
    }

    public int AcceptedConnections => Volatile.Read(ref _connections);

    public void CountConnection() => Interlocked.Increment(ref _connections);

    /// <summary>Aborts the running requests with these ids, and marks those whose calls were already cancelled.</summary>
    public void Abort(IReadOnlyCollection<string> requestIds)
    {
        foreach (var running in Running.Abort(requestIds))
        {
            Log.CountAborted(running.Captured);
        }

        Log.MarkAborted(requestIds);
    }

    /// <summary>Gets the scripted reply to a request, or otherwise that of the demonstration model.</summary>
    /// <param name="captured">The captured request.</param>
    /// <param name="request">The request as the engine receives it.</param>
    public ScriptedReply ReplyTo(CapturedRequest captured, GenerationRequest request) =>
        ScriptedReplyTo(captured) ?? DemoModel.Answer(Model, Options.ConstraintStart, request);

    /// <summary>Gets the scripted reply to a request, or null if none is queued and no responder is set.</summary>
    public ScriptedReply? ScriptedReplyTo(CapturedRequest captured)
    {
        var reply = Script.Take(captured);
        return reply is null && Options.RequiresScriptedReplies
            ? throw new RpcFailure(
                RpcStatus.FailedPrecondition,
                $"no reply was scripted for request {captured.Number} ({captured.Method}); queue one with VllmTestServer.Enqueue before the call")
            : reply;
    }

    /// <summary>Called when the server starts again.</summary>
    public virtual void Restart() => ShuttingDown = false;

    public void Dispose()
    {
        Running.FailAll(new RpcFailure(RpcStatus.Unavailable, "the test server was disposed"));
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}

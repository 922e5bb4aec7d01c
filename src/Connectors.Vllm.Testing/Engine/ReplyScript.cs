using System.Collections.Concurrent;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>Where replies come from: the queue first, then the responder, then the demonstration model (null).</summary>
internal sealed class ReplyScript(Func<CapturedRequest, ScriptedReply>? responder)
{
    private readonly ConcurrentQueue<ScriptedReply> _queue = new();
    private readonly ConcurrentQueue<(string Method, ServerFault Fault)> _faults = new();
    private volatile Func<CapturedRequest, ScriptedReply>? _responder = responder;

    public Func<CapturedRequest, ScriptedReply>? Responder
    {
        get => _responder;
        set => _responder = value;
    }

    public void Enqueue(ScriptedReply reply) => _queue.Enqueue(reply);

    public void Clear()
    {
        _queue.Clear();
        _faults.Clear();
    }

    public ScriptedReply? Take(CapturedRequest request) =>
        _queue.TryDequeue(out var reply) ? reply : Responder?.Invoke(request);

    public void FailNext(string method, ServerFault fault) => _faults.Enqueue((method, fault));

    public ServerFault? TakeFault(string path)
    {
        if (!_faults.TryPeek(out var next) || !path.EndsWith(next.Method, StringComparison.Ordinal))
        {
            return null;
        }

        return _faults.TryDequeue(out next) ? next.Fault : null;
    }
}

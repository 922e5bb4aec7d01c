using System.Collections.Concurrent;

namespace Connectors.Vllm.Testing.Generation;

/// <summary>Where replies come from: the queue first, then the responder, then the demonstration model (null).</summary>
internal sealed class ReplyScript(Func<CapturedRequest, ScriptedReply>? responder)
{
    private readonly ConcurrentQueue<ScriptedReply> _queue = new();
    private readonly Lock _gate = new();
    private readonly List<(string Method, ServerFault Fault)> _faults = [];
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
        lock (_gate)
        {
            _faults.Clear();
        }
    }

    public ScriptedReply? Take(CapturedRequest request) =>
        _queue.TryDequeue(out var reply) ? reply : Responder?.Invoke(request);

    public void FailNext(string method, ServerFault fault)
    {
        lock (_gate)
        {
            _faults.Add((method, fault));
        }
    }

    public ServerFault? TakeFault(string path)
    {
        lock (_gate)
        {
            var next = _faults.FindIndex(entry => path.EndsWith(entry.Method, StringComparison.Ordinal));
            if (next < 0)
            {
                return null;
            }

            var fault = _faults[next].Fault;
            _faults.RemoveAt(next);
            return fault;
        }
    }
}

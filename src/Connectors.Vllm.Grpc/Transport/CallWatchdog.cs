namespace Connectors.Vllm.Grpc;

/// <summary>
/// The time limits of one call. One timer per call that re-arms itself at the nearest limit, so that a message costs two writes
/// instead of a timer change. Silence counts only while somebody waits for the server: a slow reader is not a silent server.
/// </summary>
internal sealed class CallWatchdog : IDisposable
{
    private const long NotWaiting = long.MaxValue;

    private readonly GrpcCallRequest _request;
    private readonly CancellationTokenSource _reset;
    private readonly Timer? _timer;
    private readonly long _callEnd;
    private long _waitingSince = NotWaiting;
    private volatile bool _received;
    private int _expired = -1;

    public CallWatchdog(GrpcCallRequest request, CancellationTokenSource reset)
    {
        _request = request;
        _reset = reset;
        _callEnd = request.Timeout is { } limit ? Environment.TickCount64 + Milliseconds(limit) : long.MaxValue;
        if ((request.Timeout ?? request.FirstMessageTimeout ?? request.BetweenMessagesTimeout) is not null)
        {
            Volatile.Write(ref _waitingSince, Environment.TickCount64);
            _timer = new Timer(static state => ((CallWatchdog)state!).Check(), this, Timeout.Infinite, Timeout.Infinite);
            Check();
        }
    }

    /// <summary>The limit that was reached; null while none was.</summary>
    public VllmTimeoutKind? Expired => Volatile.Read(ref _expired) is >= 0 and var kind ? (VllmTimeoutKind)kind : null;

    public TimeSpan Limit(VllmTimeoutKind kind) => kind switch
    {
        VllmTimeoutKind.FirstToken => _request.FirstMessageTimeout,
        VllmTimeoutKind.BetweenTokens => _request.BetweenMessagesTimeout,
        _ => _request.Timeout,
    } ?? TimeSpan.Zero;

    public void BeginWait()
    {
        // The wait for the first message begins with the call, not with its second read.
        if (_timer is not null && (_received || Volatile.Read(ref _waitingSince) == NotWaiting))
        {
            Volatile.Write(ref _waitingSince, Environment.TickCount64);
        }
    }

    public void EndWait()
    {
        if (_timer is not null)
        {
            Volatile.Write(ref _waitingSince, NotWaiting);
            _received = true;
        }
    }

    public void Dispose() => _timer?.Dispose();

    private void Check()
    {
        var now = Environment.TickCount64;
        var since = Volatile.Read(ref _waitingSince);
        var (silence, kind) = _received
            ? (_request.BetweenMessagesTimeout, VllmTimeoutKind.BetweenTokens)
            : (_request.FirstMessageTimeout, VllmTimeoutKind.FirstToken);

        // While nobody waits, look again after a whole limit: the wait cannot have begun before now.
        var silenceEnd = silence is { } limit ? (since == NotWaiting ? now : since) + Milliseconds(limit) : long.MaxValue;
        if (now >= _callEnd)
        {
            Expire(VllmTimeoutKind.Call);
        }
        else if (now >= silenceEnd && since != NotWaiting)
        {
            Expire(kind);
        }
        else
        {
            // Before the first message the nap is bounded by the limit that applies after it.
            var betweenEnd = !_received && _request.BetweenMessagesTimeout is { } between ? now + Milliseconds(between) : long.MaxValue;
            var next = Math.Min(Math.Min(_callEnd, silenceEnd), betweenEnd);
            if (next != long.MaxValue)
            {
                Arm(Math.Max(1, next - now));
            }
        }
    }

    private void Arm(long milliseconds)
    {
        try
        {
            _timer!.Change(Math.Min(milliseconds, int.MaxValue), Timeout.Infinite);
        }
        catch (ObjectDisposedException)
        {
        }
    }

    private void Expire(VllmTimeoutKind kind)
    {
        Volatile.Write(ref _expired, (int)kind);
        try
        {
            _reset.Cancel();
        }
        catch (ObjectDisposedException)
        {
        }
    }

    private static long Milliseconds(TimeSpan limit) => (long)Math.Min(limit.TotalMilliseconds, int.MaxValue);
}

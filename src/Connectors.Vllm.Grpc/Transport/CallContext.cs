using Grpc.Core;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// The parameters of a call besides its message: its channel, request id, metadata and time limits. Exceptions are created from them.
/// </summary>
internal sealed class CallContext
{
    /// <summary>Time limits above this are treated as infinite.</summary>
    private static readonly TimeSpan MaxTimeout = TimeSpan.FromDays(1000);

    public required ServerChannel Channel { get; init; }

    public string? RequestId { get; init; }

    /// <summary>
    /// If set, the message is sent only if <see cref="ServerChannel.Epoch"/> still has this value when it is written; otherwise the call fails with
    /// <see cref="ConnectionRenewedException"/> and the server has not received the message.
    /// </summary>
    public int? ExpectedEpoch { get; init; }

    /// <summary>Released when the message is written; null if the call does not need one.</summary>
    public SendPermit? SendPermit { get; init; }

    /// <summary>Validated metadata for this call only; it replaces entries of the options.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The time limit for the whole call, also sent to the server.</summary>
    public TimeSpan? Timeout { get; init => field = Finite(value); }

    /// <summary>The option that sets <see cref="Timeout"/>.</summary>
    public string TimeoutOption { get; init; } = nameof(VllmConnectionOptions.CallTimeout);

    /// <summary>What to try when <see cref="Timeout"/> has passed, in addition to raising it.</summary>
    public string? TimeoutHint { get; init; }

    /// <summary>The time limit until the first message with tokens.</summary>
    public TimeSpan? FirstTokenTimeout { get; init => field = Finite(value); }

    /// <summary>The time limit between two messages with tokens.</summary>
    public TimeSpan? BetweenTokensTimeout { get; init => field = Finite(value); }

    public Uri Endpoint => Channel.Endpoint;

    public CallOptions ToOptions(CancellationToken cancellationToken) => new(
        Headers(), Timeout is { } limit ? DateTime.UtcNow + limit : null, cancellationToken, credentials: Channel.Options.CallCredentials);

    private static TimeSpan? Finite(TimeSpan? limit) => limit == System.Threading.Timeout.InfiniteTimeSpan || limit > MaxTimeout ? null : limit;

    private Metadata Headers()
    {
        var options = Channel.Options;
        var headers = new Metadata();
        if (options.BearerToken is { Length: > 0 } token && Metadata?.ContainsKey("authorization") != true)
        {
            headers.Add("authorization", "Bearer " + token);
        }

        foreach (var (name, value) in options.Metadata)
        {
            if (Metadata is null || !Metadata.Keys.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                headers.Add(MetadataRules.ToEntry(name, value));
            }
        }

        foreach (var (name, value) in Metadata ?? new Dictionary<string, string>())
        {
            headers.Add(MetadataRules.ToEntry(name, value));
        }

        return headers;
    }
}

/// <summary>A permit to send a message. Released once: when the message is written, or when the attempt has failed before that.</summary>
internal sealed class SendPermit(SemaphoreSlim permits) : IDisposable
{
    private int _released;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _released, 1) == 0)
        {
            permits.Release();
        }
    }
}

/// <summary>
/// The idle timeouts of a call. There is one timer per call, which re-arms itself for the nearest limit, so that a message costs a few writes instead
/// of a timer change. Time counts only while a reader waits for the server (a slow reader is not a silent server), and only tokens reset it: messages
/// without any do not.
/// </summary>
internal sealed class CallWatchdog : IDisposable
{
    private const long NotWaiting = long.MaxValue;

    /// <summary>The time limit for the gRPC status after the last message of an answer.</summary>
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(2);

    private readonly CallContext _call;
    private readonly Action _expire;
    private readonly Timer _timer;
    private long _waitingSince = NotWaiting;
    private long _waited;
    private volatile bool _hasProgress;
    private volatile bool _isAtEnd;
    private int _expired = -1;

    /// <param name="call">The call with its limits.</param>
    /// <param name="expire">Ends the call; invoked on another thread.</param>
    public CallWatchdog(CallContext call, Action expire)
    {
        _call = call;
        _expire = expire;
        Volatile.Write(ref _waitingSince, Environment.TickCount64);
        _timer = new Timer(static state => ((CallWatchdog)state!).Check(), this, Timeout.Infinite, Timeout.Infinite);
        Check();
    }

    /// <summary>The limit that was exceeded; null if none was.</summary>
    public VllmTimeoutKind? Expired => Volatile.Read(ref _expired) is >= 0 and var kind ? (VllmTimeoutKind)kind : null;

    public void BeginWait()
    {
        // The wait for the first token begins with the call, not with its first read.
        if (Volatile.Read(ref _waitingSince) == NotWaiting)
        {
            Volatile.Write(ref _waitingSince, Environment.TickCount64 - _waited);
        }
    }

    public void EndWait()
    {
        if (Volatile.Read(ref _waitingSince) is not NotWaiting and var since)
        {
            _waited = Environment.TickCount64 - since;
            Volatile.Write(ref _waitingSince, NotWaiting);
        }
    }

    public void ReportProgress()
    {
        _waited = 0;
        if (!_hasProgress)
        {
            EndWait();
            _waited = 0;
            _hasProgress = true;
        }
    }

    public void ExpectEnd()
    {
        _isAtEnd = true;
        Arm((long)EndTimeout.TotalMilliseconds);
    }

    public void Dispose() => _timer.Dispose();

    private void Check()
    {
        var now = Environment.TickCount64;
        var since = Volatile.Read(ref _waitingSince);
        var (limit, kind) = _isAtEnd ? (EndTimeout, VllmTimeoutKind.BetweenTokens)
            : _hasProgress ? (_call.BetweenTokensTimeout, VllmTimeoutKind.BetweenTokens)
            : (_call.FirstTokenTimeout, VllmTimeoutKind.FirstToken);

        // While nobody waits, check again after the whole limit: a wait cannot have begun before now.
        var end = limit is { } silence ? (since == NotWaiting ? now : since) + Milliseconds(silence) : long.MaxValue;
        if (now >= end && since != NotWaiting)
        {
            Volatile.Write(ref _expired, (int)kind);
            _expire();
            return;
        }

        // Before the first token, the timer also fires for the limit that applies after it, which may be shorter.
        var betweenEnd = !_hasProgress && _call.BetweenTokensTimeout is { } between ? now + Milliseconds(between) : long.MaxValue;
        var next = Math.Min(end, betweenEnd);
        if (next != long.MaxValue)
        {
            Arm(Math.Max(1, next - now));
        }
    }

    private void Arm(long milliseconds)
    {
        try
        {
            _timer.Change(Math.Min(milliseconds, int.MaxValue), Timeout.Infinite);
        }
        catch (ObjectDisposedException)
        {
        }
    }

    private static long Milliseconds(TimeSpan limit) => (long)Math.Min(limit.TotalMilliseconds, int.MaxValue);
}

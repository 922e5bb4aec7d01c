using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Connectors.Vllm.Benchmarks.Stream;

/// <summary>
/// When the server had a request and when it sent each message, by stream number, in <see cref="Stopwatch"/> ticks. The system's monotonic clock is
/// the same for all processes, so a client can take its own timestamps from these. Thread-safe.
/// </summary>
internal sealed class SendLog
{
    private readonly ConcurrentDictionary<int, (long Arrived, long[] Sent)> _streams = new();

    /// <summary>The request of a stream is wholly here; the returned times are to be filled in, one per message.</summary>
    public long[] Begin(int number, int messages)
    {
        var sent = new long[messages];
        _streams[number] = (Stopwatch.GetTimestamp(), sent);
        return sent;
    }

    /// <summary>The times of a stream on one line: the request's arrival, then each message's departure.</summary>
    public string Describe(int number) =>
        _streams.TryGetValue(number, out var times)
            ? string.Join(' ', times.Sent.Prepend(times.Arrived).Select(time => time.ToString(CultureInfo.InvariantCulture)))
            : "";
}

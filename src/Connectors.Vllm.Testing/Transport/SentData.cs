using System.Buffers.Binary;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>
/// Counts the DATA bytes sent per tracked stream. Kestrel completes a flush before the bytes are on the wire and discards them if the stream is
/// reset, so a fault after a message must wait until the message has been sent.
/// </summary>
internal sealed class SentData
{
    private const int FrameHeaderLength = 9;
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private readonly Dictionary<int, Entry> _streams = [];
    private volatile int _tracked;

    public bool IsTracking => _tracked > 0;

    public void Track(int streamId)
    {
        lock (_gate)
        {
            _streams.TryAdd(streamId, new Entry());
            _tracked = _streams.Count;
        }
    }

    public async Task WaitAsync(int streamId, long bytes)
    {
        Task waiting;
        lock (_gate)
        {
            if (!_streams.TryGetValue(streamId, out var entry))
            {
                return;
            }

            entry.Wanted = bytes;
            entry.Signal();
            waiting = entry.Reached.Task;
        }

        // A client that does not open its window would block the bytes forever, so the fault is injected anyway after a while.
        await Task.WhenAny(waiting, Task.Delay(MaxWait)).ConfigureAwait(false);
    }

    public void Untrack(int streamId)
    {
        lock (_gate)
        {
            _streams.Remove(streamId);
            _tracked = _streams.Count;
        }
    }

    public void Count(ReadOnlySpan<byte> frames)
    {
        if (!IsTracking)
        {
            return;
        }

        lock (_gate)
        {
            while (frames.Length >= FrameHeaderLength)
            {
                var length = (frames[0] << 16) | (frames[1] << 8) | frames[2];
                if (frames[3] == 0 && _streams.TryGetValue(BinaryPrimitives.ReadInt32BigEndian(frames[5..]), out var entry))
                {
                    entry.Sent += length;
                    entry.Signal();
                }

                frames = frames[Math.Min(frames.Length, FrameHeaderLength + length)..];
            }
        }
    }

    private sealed class Entry
    {
        public long Sent { get; set; }

        public long Wanted { get; set; } = long.MaxValue;

        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Signal()
        {
            if (Sent >= Wanted)
            {
                Reached.TrySetResult();
            }
        }
    }
}

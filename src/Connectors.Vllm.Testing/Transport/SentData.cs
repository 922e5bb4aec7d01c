using System.Buffers.Binary;

namespace Connectors.Vllm.Testing.Transport;

/// <summary>
/// Counts DATA bytes per tracked stream as they leave. Kestrel completes a flush before the bytes are on the wire and drops them when the stream is
/// reset; a fault that shall come after a message must wait for the message to leave.
/// </summary>
internal sealed class SentData
{
    private const int FrameHeaderLength = 9;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
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

        // A client that grants no window keeps the bytes back for ever; the fault comes all the same.
        await Task.WhenAny(waiting, Task.Delay(Patience)).ConfigureAwait(false);
    }

    public void Forget(int streamId)
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

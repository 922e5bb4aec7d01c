using System.Threading.Channels;
using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>
/// Sends the blocks that are added to the prefix cache to all subscribers; a slow one loses the oldest ones, which leaves a gap in the sequence
/// numbers.
/// </summary>
internal sealed class KvEventFeed
{
    private const int QueueLength = 1024;
    private readonly Lock _gate = new();
    private readonly List<Subscription> _subscriptions = [];
    private ulong _sequence;

    public bool HasSubscribers
    {
        get
        {
            lock (_gate)
            {
                return _subscriptions.Count > 0;
            }
        }
    }

    /// <summary>
    /// SubscribeKvEvents: headers at once, then a batch for every prompt that adds blocks to the prefix cache, until the client cancels.
    /// </summary>
    public static async Task StreamAsync(KvEventFeed feed, GrpcCall call)
    {
        using var subscription = feed.Subscribe();
        await call.SendHeadersAsync().ConfigureAwait(false);
        var eventId = 0UL;
        await foreach (var (sequence, stored) in subscription.Reader.ReadAllAsync(call.Cancelled).ConfigureAwait(false))
        {
            await call.WriteAsync(new KvEventBatch
            {
                SequenceNumber = sequence,
                Timestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0,
                DpRank = 0,
                Events = { new KvCacheEvent { EventId = ++eventId, Stored = stored } },
            }).ConfigureAwait(false);
        }
    }

    public Subscription Subscribe()
    {
        var subscription = new Subscription(this);
        lock (_gate)
        {
            _subscriptions.Add(subscription);
        }

        return subscription;
    }

    public void Publish(KvBlocksStored stored)
    {
        lock (_gate)
        {
            _sequence++;
            foreach (var subscription in _subscriptions)
            {
                subscription.Channel.Writer.TryWrite((_sequence, stored));
            }
        }
    }

    internal sealed class Subscription(KvEventFeed feed) : IDisposable
    {
        public Channel<(ulong Sequence, KvBlocksStored Stored)> Channel { get; } =
            System.Threading.Channels.Channel.CreateBounded<(ulong, KvBlocksStored)>(
                new BoundedChannelOptions(QueueLength) { FullMode = BoundedChannelFullMode.DropOldest });

        public ChannelReader<(ulong Sequence, KvBlocksStored Stored)> Reader => Channel.Reader;

        public void Dispose()
        {
            lock (feed._gate)
            {
                feed._subscriptions.Remove(this);
            }
        }
    }
}

using System.Threading.Channels;
using Connectors.Vllm.Grpc.Protocol.Common;

namespace Connectors.Vllm.Testing.Engine;

/// <summary>Hands the blocks that enter the prefix cache to all subscribers; a slow one loses the oldest, and sees the gap in the sequence numbers.</summary>
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
            System.Threading.Channels.Channel.CreateBounded<(ulong, KvBlocksStored)>(new BoundedChannelOptions(QueueLength) { FullMode = BoundedChannelFullMode.DropOldest });

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

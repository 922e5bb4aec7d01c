using Connectors.Vllm.Grpc.Protocol.Common;
using Connectors.Vllm.Testing.Engine;
using Connectors.Vllm.Testing.Transport;

namespace Connectors.Vllm.Testing.FamilyA;

/// <summary>SubscribeKvEvents: headers at once, then a batch for every prompt whose blocks enter the prefix cache, until the client cancels.</summary>
internal sealed class KvEventCalls(ServerState state)
{
    public async Task HandleAsync(GrpcCall call, CapturedRequest captured)
    {
        using var subscription = state.KvEvents.Subscribe();
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
}

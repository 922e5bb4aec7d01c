using System.Runtime.InteropServices;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Chooses the server for a request: the one with the fewest requests of this client in flight or, with prefix affinity, the one that serves prompts
/// with the same beginning (rendezvous hashing), unless that one is clearly busier. Servers that are set aside come last.
/// </summary>
internal sealed class EndpointSelector(ServerEndpoint[] endpoints, bool affinity)
{
    /// <summary>The number of tokens that are hashed for prefix affinity: roughly the length of a system prompt.</summary>
    private const int PrefixTokens = 256;

    /// <summary>How many more requests than the least busy server the preferred one may have in flight.</summary>
    private const int AffinitySlack = 8;

    private uint _turn;

    public IReadOnlyList<ServerEndpoint> All => endpoints;

    /// <summary>Chooses the server for a request, and counts the request there until the lease is disposed.</summary>
    /// <param name="promptIds">The prompt; empty when there is none.</param>
    /// <param name="failed">The servers at which this request has failed.</param>
    /// <param name="preferred">The address to choose unless the request has failed there; null for any.</param>
    public EndpointLease Acquire(ReadOnlySpan<int> promptIds, IReadOnlyCollection<ServerEndpoint> failed, Uri? preferred = null)
    {
        var first = preferred is null ? null : Array.Find(endpoints, endpoint => endpoint.Uri == preferred && !failed.Contains(endpoint));
        return new(first ?? Select(promptIds, failed));
    }

    /// <summary>Whether a server may be set aside for an inconclusive failure: at least half of the servers must remain.</summary>
    public bool MaySetAside(ServerEndpoint endpoint)
    {
        var aside = 0;
        foreach (var other in endpoints)
        {
            aside += other != endpoint && other.IsSetAside ? 1 : 0;
        }

        return endpoints.Length > 1 && (aside + 1) * 2 <= endpoints.Length;
    }

    /// <summary>Whether there is a server at which this request has not failed.</summary>
    public bool HasOther(IReadOnlyCollection<ServerEndpoint> failed) => Array.Exists(endpoints, endpoint => !failed.Contains(endpoint));

    private ServerEndpoint Select(ReadOnlySpan<int> promptIds, IReadOnlyCollection<ServerEndpoint> failed)
    {
        if (endpoints.Length == 1)
        {
            return endpoints[0];
        }

        foreach (var endpoint in endpoints)
        {
            endpoint.ProbeIfDue();
        }

        var start = (int)(Interlocked.Increment(ref _turn) % (uint)endpoints.Length);
        var least = endpoints[start];
        for (var i = 1; i < endpoints.Length; i++)
        {
            var candidate = endpoints[(start + i) % endpoints.Length];
            if (Order(candidate, failed).CompareTo(Order(least, failed)) < 0)
            {
                least = candidate;
            }
        }

        if (!affinity || promptIds.IsEmpty)
        {
            return least;
        }

        var preferred = SelectByPrefix(promptIds);
        return !preferred.IsSetAside && !failed.Contains(preferred) && preferred.Outstanding <= least.Outstanding + AffinitySlack ? preferred : least;
    }

    private static (bool Failed, bool SetAside, int Outstanding) Order(ServerEndpoint endpoint, IReadOnlyCollection<ServerEndpoint> failed) =>
        (failed.Contains(endpoint), endpoint.IsSetAside, endpoint.Outstanding);

    private ServerEndpoint SelectByPrefix(ReadOnlySpan<int> promptIds)
    {
        var prefix = Hash(MemoryMarshal.AsBytes(promptIds[..Math.Min(promptIds.Length, PrefixTokens)]), 14695981039346656037);
        var best = endpoints[0];
        var bestWeight = 0UL;
        foreach (var endpoint in endpoints)
        {
            var weight = Mix(Hash(MemoryMarshal.AsBytes(endpoint.Uri.AbsoluteUri.AsSpan()), prefix));
            if (weight >= bestWeight)
            {
                (best, bestWeight) = (endpoint, weight);
            }
        }

        return best;
    }

    /// <summary>FNV-1a, which is the same in every process, so that all clients agree on the server.</summary>
    private static ulong Hash(ReadOnlySpan<byte> bytes, ulong hash)
    {
        foreach (var b in bytes)
        {
            hash = (hash ^ b) * 1099511628211;
        }

        return hash;
    }

    private static ulong Mix(ulong hash)
    {
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }
}

/// <summary>A request at a server, counted there until the lease is disposed.</summary>
internal sealed class EndpointLease : IDisposable
{
    private int _disposed;
    private bool _answered;

    public EndpointLease(ServerEndpoint endpoint)
    {
        Endpoint = endpoint;
        endpoint.AddRequest();
    }

    public ServerEndpoint Endpoint { get; }

    /// <summary>The server has begun to answer: the answer counts as running until the lease is disposed.</summary>
    public void MarkAnswered()
    {
        _answered = true;
        Endpoint.OverloadQueue.AnswerStarted();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Endpoint.RemoveRequest();
            if (_answered)
            {
                Endpoint.OverloadQueue.AnswerEnded();
            }
        }
    }
}

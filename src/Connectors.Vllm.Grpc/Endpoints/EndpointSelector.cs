using System.Runtime.InteropServices;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Chooses the server for a request: the one with the fewest requests of this client in flight, or, with affinity, the one that requests with the
/// same beginning go to (rendezvous hashing), unless that one is clearly busier. Servers that are set aside come last.
/// </summary>
internal sealed class EndpointSelector(ServerEndpoint[] endpoints, bool affinity)
{
    /// <summary>Tokens that make two requests "begin alike": about a system prompt's worth.</summary>
    private const int PrefixTokens = 256;

    /// <summary>How many more requests the preferred server may have in flight than the least busy one.</summary>
    private const int AffinitySlack = 8;

    private uint _turn;

    public IReadOnlyList<ServerEndpoint> All => endpoints;

    /// <summary>Chooses the server for a request and counts the request there, until the lease is disposed.</summary>
    /// <param name="promptIds">The prompt; empty when there is none.</param>
    /// <param name="failed">Servers that this request has failed at.</param>
    /// <param name="preferred">The address to take unless the request has failed there; null for any.</param>
    public EndpointLease Take(ReadOnlySpan<int> promptIds, IReadOnlyCollection<ServerEndpoint> failed, Uri? preferred = null)
    {
        var first = preferred is null ? null : Array.Find(endpoints, endpoint => endpoint.Uri == preferred && !failed.Contains(endpoint));
        return new(first ?? Select(promptIds, failed));
    }

    /// <summary>Whether a server may be set aside for a failure that says little: at least half of them must stay.</summary>
    public bool MaySetAside(ServerEndpoint endpoint)
    {
        var aside = 0;
        foreach (var other in endpoints)
        {
            aside += other != endpoint && other.IsSetAside ? 1 : 0;
        }

        return endpoints.Length > 1 && (aside + 1) * 2 <= endpoints.Length;
    }

    /// <summary>Whether there is a server that this request has not failed at.</summary>
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

        var preferred = Prefer(promptIds);
        return !preferred.IsSetAside && !failed.Contains(preferred) && preferred.Outstanding <= least.Outstanding + AffinitySlack ? preferred : least;
    }

    private static (bool Failed, bool SetAside, int Outstanding) Order(ServerEndpoint endpoint, IReadOnlyCollection<ServerEndpoint> failed) =>
        (failed.Contains(endpoint), endpoint.IsSetAside, endpoint.Outstanding);

    private ServerEndpoint Prefer(ReadOnlySpan<int> promptIds)
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

    /// <summary>FNV-1a: the same on every client, so that several of them agree on the server.</summary>
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

/// <summary>One request at one server, counted there until it is disposed.</summary>
internal sealed class EndpointLease : IDisposable
{
    private int _left;
    private bool _answered;

    public EndpointLease(ServerEndpoint endpoint)
    {
        Endpoint = endpoint;
        endpoint.Enter();
    }

    public ServerEndpoint Endpoint { get; }

    /// <summary>The server has begun to answer: it keeps a place there until the lease is disposed.</summary>
    public void MarkAnswered()
    {
        _answered = true;
        Endpoint.Room.Occupy();
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _left, 1) == 0)
        {
            Endpoint.Leave();
            if (_answered)
            {
                Endpoint.Room.Release();
            }
        }
    }
}

using System.Runtime.InteropServices;

namespace Connectors.Vllm.Grpc;

/// <summary>
/// Chooses the server for a request: the one with the fewest requests of ours in flight, or, with affinity, the one that requests with the same
/// beginning go to (rendezvous hashing), unless that one is clearly busier. Servers that are set aside come last.
/// </summary>
internal sealed class EndpointSelector(ServerEndpoint[] endpoints, bool affinity)
{
    /// <summary>Tokens that make two requests "begin alike": about a system prompt's worth.</summary>
    private const int PrefixTokens = 256;

    /// <summary>How many more requests the preferred server may have in flight than the least busy one.</summary>
    private const int AffinitySlack = 8;

    private uint _turn;

    public IReadOnlyList<ServerEndpoint> All => endpoints;

    /// <summary>The server for a request; <paramref name="failed"/> are those that this request has failed at.</summary>
    public ServerEndpoint Select(ReadOnlySpan<int> promptIds, IReadOnlyCollection<ServerEndpoint> failed)
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
            var weight = Mix(Hash(MemoryMarshal.AsBytes(endpoint.Uri.Authority.AsSpan()), prefix));
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

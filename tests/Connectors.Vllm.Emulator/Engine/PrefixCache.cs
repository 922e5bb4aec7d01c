using Connectors.Vllm.Grpc.Protocol.Common;

namespace Connectors.Vllm.Emulator.Engine;

/// <summary>
/// Counts how many tokens of a prompt are cached, in whole blocks and never the whole prompt, because at least one token is always computed. When it
/// is full, the least recently used block is evicted.
/// </summary>
internal sealed class PrefixCache(int blockSize, int capacity)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, LinkedListNode<ulong>> _blocks = [];

    /// <summary>The blocks, most recently used first.</summary>
    private readonly LinkedList<ulong> _used = new();

    /// <summary>Gets the number of tokens of <paramref name="prompt"/> in the cache, and adds all its whole blocks.</summary>
    /// <param name="prompt">The prompt ids.</param>
    /// <param name="salt">Requests with different salts share nothing.</param>
    /// <param name="read">Whether to read the cache; false returns 0 (the prompt is still stored).</param>
    /// <param name="stored">Receives the new blocks, if not null.</param>
    public int Visit(ReadOnlySpan<int> prompt, string salt, bool read, KvBlocksStored? stored = null)
    {
        var hash = 14695981039346656037UL;
        foreach (var character in salt)
        {
            hash = (hash ^ character) * 1099511628211UL;
        }

        var cached = 0;
        lock (_gate)
        {
            var hit = read;
            for (var start = 0; start + blockSize <= prompt.Length; start += blockSize)
            {
                var parent = hash;
                foreach (var id in prompt.Slice(start, blockSize))
                {
                    hash = (hash ^ (uint)id) * 1099511628211UL;
                }

                var known = !Use(hash);
                if (!known && stored is not null)
                {
                    var block = new KvBlock { BlockHash = (long)hash, BlockSize = blockSize };
                    foreach (var id in prompt.Slice(start, blockSize))
                    {
                        block.TokenIds.Add((uint)id);
                    }

                    stored.Blocks.Add(block);
                    if (stored.Blocks.Count == 1 && start > 0)
                    {
                        stored.ParentBlockHash = (long)parent;
                    }
                }

                hit &= known;
                if (hit && start + blockSize < prompt.Length)
                {
                    cached = start + blockSize;
                }
            }
        }

        return cached;
    }

    public void Clear()
    {
        lock (_gate)
        {
            _blocks.Clear();
            _used.Clear();
        }
    }

    /// <summary>Marks a block as used; returns true if it is new.</summary>
    private bool Use(ulong hash)
    {
        if (_blocks.TryGetValue(hash, out var node))
        {
            _used.Remove(node);
            _used.AddFirst(node);
            return false;
        }

        _blocks.Add(hash, _used.AddFirst(hash));
        if (_blocks.Count > capacity)
        {
            _blocks.Remove(_used.Last!.Value);
            _used.RemoveLast();
        }

        return true;
    }
}

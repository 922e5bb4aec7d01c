using Connectors.Vllm.Tokenizers.Buffers;

namespace Connectors.Vllm.Tokenizers.Pipeline;

/// <summary>
/// Remembers the ids of whole segments (normalized text between added tokens), so that encoding a grown conversation costs only what is
/// new. Least recently used segments give way when the capacity is reached. Thread-safe: lookups compare the bytes outside the lock.
/// </summary>
internal sealed class SegmentCache(long capacity)
{
    /// <summary>Shorter segments are faster encoded than looked up.</summary>
    public const int ShortestSegment = 64;

    private const int Overhead = 160;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, LinkedListNode<CachedSegment>> _entries = [];
    private readonly LinkedList<CachedSegment> _byUse = new();
    private long _bytes;
    private long _hits;
    private long _misses;

    public bool Takes(int length) => length >= ShortestSegment && length <= capacity / 8;

    public TokenizerCacheStatistics Statistics
    {
        get
        {
            lock (_lock)
            {
                return new TokenizerCacheStatistics(_hits, _misses, _entries.Count, _bytes);
            }
        }
    }

    /// <summary>Appends the ids of a segment; false when it is not known.</summary>
    public bool TryAppend(ReadOnlySpan<byte> segment, ulong hash, IdList output)
    {
        CachedSegment? entry = null;
        lock (_lock)
        {
            if (_entries.TryGetValue(hash, out var node))
            {
                entry = node.Value;
                if (_byUse.First != node)
                {
                    _byUse.Remove(node);
                    _byUse.AddFirst(node);
                }
            }
        }

        var found = entry is not null && segment.SequenceEqual(entry.Segment);
        Interlocked.Increment(ref found ? ref _hits : ref _misses);
        if (found)
        {
            output.AddRange(entry!.Ids);
        }

        return found;
    }

    public void Add(ReadOnlySpan<byte> segment, ulong hash, ReadOnlySpan<int> ids)
    {
        var entry = new CachedSegment(hash, segment.ToArray(), ids.ToArray());
        if (entry.Size > capacity / 2)
        {
            return;
        }

        lock (_lock)
        {
            if (_entries.Remove(hash, out var old))
            {
                _byUse.Remove(old);
                _bytes -= old.Value.Size;
            }

            _entries[hash] = _byUse.AddFirst(entry);
            _bytes += entry.Size;
            while (_bytes > capacity && _byUse.Last is { } last)
            {
                _byUse.RemoveLast();
                _entries.Remove(last.Value.Hash);
                _bytes -= last.Value.Size;
            }
        }
    }

    private sealed record CachedSegment(ulong Hash, byte[] Segment, int[] Ids)
    {
        public long Size => Segment.Length + (4L * Ids.Length) + Overhead;
    }
}

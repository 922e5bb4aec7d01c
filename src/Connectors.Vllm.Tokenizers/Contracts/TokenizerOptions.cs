namespace Connectors.Vllm.Tokenizers;

/// <summary>Limits of a tokenizer. Defaults suit a server that holds long conversations.</summary>
public sealed record TokenizerOptions
{
    /// <summary>
    /// Bytes the segment cache may keep (texts between added tokens with their ids, so that a conversation's next turn costs only
    /// what is new). 0 turns it off. Default: 32 MiB. Range: 0 or more.
    /// </summary>
    public long SegmentCacheCapacity { get; init; } = 32L << 20;

    /// <summary>
    /// Bytes of memory that loading may take, files and tables together. A file that needs more is refused before the memory is taken:
    /// files that a server sends are not to be trusted. Default: 1 GiB, several times what the largest vocabularies need. Range: above 0.
    /// </summary>
    public long MaxLoadBytes { get; init; } = 1L << 30;
}

/// <summary>What the segment cache of a <see cref="VllmTokenizer"/> has done since the tokenizer was loaded.</summary>
/// <param name="Hits">Segments whose ids came from the cache.</param>
/// <param name="Misses">Segments that had to be encoded. Segments too short to be worth caching count as neither.</param>
/// <param name="Entries">Segments kept now.</param>
/// <param name="Bytes">Bytes kept now: texts, ids and bookkeeping.</param>
internal readonly record struct TokenizerCacheStatistics(long Hits, long Misses, int Entries, long Bytes);

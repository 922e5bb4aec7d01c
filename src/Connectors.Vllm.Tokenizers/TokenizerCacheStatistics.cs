namespace Connectors.Vllm.Tokenizers;

/// <summary>What the segment cache of a <see cref="Tokenizer"/> has done since the tokenizer was loaded.</summary>
/// <param name="Hits">Segments whose ids came from the cache.</param>
/// <param name="Misses">Segments that had to be encoded. Segments too short to be worth caching count as neither.</param>
/// <param name="Entries">Segments kept now.</param>
/// <param name="Bytes">Bytes kept now: texts, ids and bookkeeping.</param>
public readonly record struct TokenizerCacheStatistics(long Hits, long Misses, int Entries, long Bytes);

namespace Connectors.Vllm.Tokenizers;

/// <summary>Limits of a tokenizer. The defaults suit a server with long conversations.</summary>
public sealed record TokenizerOptions
{
    /// <summary>
    /// The maximum size in bytes of the cache of text segments between added tokens and their ids, with which the next turn of a conversation costs
    /// only what is new. 0 disables the cache. Default: 32 MiB. Range: 0 or more.
    /// </summary>
    public long SegmentCacheCapacity { get; init; } = 32L << 20;

    /// <summary>
    /// The maximum memory for loading, in bytes, files and tables together. A file that needs more is refused before the memory is allocated, because
    /// files sent by a server are untrusted. Default: 1 GiB, several times what the largest vocabularies need. Range: above 0.
    /// </summary>
    public long MaxLoadBytes { get; init; } = 1L << 30;
}

/// <summary>The statistics of the segment cache of a <see cref="VllmTokenizer"/> since the tokenizer was loaded.</summary>
/// <param name="Hits">The number of segments whose ids came from the cache.</param>
/// <param name="Misses">The number of segments that had to be encoded. Segments that are too short for the cache count as neither.</param>
/// <param name="Entries">The number of cached segments.</param>
/// <param name="Bytes">The size of the cache in bytes: texts, ids and overhead.</param>
internal readonly record struct TokenizerCacheStatistics(long Hits, long Misses, int Entries, long Bytes);

/// <summary>
/// A token that is matched in the text before any other processing: control tokens such as <c>&lt;|im_end|&gt;</c>, and ordinary words or sequences
/// of spaces that a model adds to its vocabulary.
/// </summary>
/// <param name="Id">The token id that the tokenizer uses, which in unusual files differs from the id in the file.</param>
/// <param name="Content">The text to match; never empty.</param>
/// <param name="IsSpecial">Whether it is a special (control) token: left out of decoded text when special tokens are skipped, and never
/// matched in ordinary text.</param>
/// <param name="SingleWord">Whether it matches only if no word character directly precedes or follows it.</param>
/// <param name="StripLeft">Whether the match includes all white space before it (<c>lstrip</c>).</param>
/// <param name="StripRight">Whether the match includes all white space after it (<c>rstrip</c>).</param>
/// <param name="Normalized">Whether it is matched in the normalized text instead of the raw text.</param>
public sealed record AddedToken(
    int Id,
    string Content,
    bool IsSpecial = false,
    bool SingleWord = false,
    bool StripLeft = false,
    bool StripRight = false,
    bool Normalized = false);

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

/// <summary>
/// A token that is searched in the text before anything else happens to it: control tokens such as <c>&lt;|im_end|&gt;</c>, and
/// ordinary words or blank runs that a model adds to its vocabulary.
/// </summary>
/// <param name="Id">The token id. It is the id the tokenizer uses, which for odd files is not the id the file claims.</param>
/// <param name="Content">The text that is searched; never empty.</param>
/// <param name="IsSpecial">Control token: left out of decoded text when special tokens are skipped, never matched in ordinary text.</param>
/// <param name="SingleWord">Matches only where no word character stands directly before or after it.</param>
/// <param name="StripLeft">The match takes all white space before it along (<c>lstrip</c>).</param>
/// <param name="StripRight">The match takes all white space after it along (<c>rstrip</c>).</param>
/// <param name="Normalized">Searched in the normalized text instead of the raw text.</param>
public sealed record AddedToken(
    int Id,
    string Content,
    bool IsSpecial = false,
    bool SingleWord = false,
    bool StripLeft = false,
    bool StripRight = false,
    bool Normalized = false);

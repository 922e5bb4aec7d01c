namespace Connectors.Vllm.Tokenizers;

/// <summary>Limits of a tokenizer. Defaults suit a server that holds long conversations.</summary>
public sealed record TokenizerOptions
{
    /// <summary>
    /// Bytes the segment cache may keep (texts between added tokens with their ids, so that a conversation's next turn costs only
    /// what is new). 0 turns it off. Default: 32 MiB. Range: 0 or more.
    /// </summary>
    public long SegmentCacheCapacity { get; init; } = 32L << 20;
}

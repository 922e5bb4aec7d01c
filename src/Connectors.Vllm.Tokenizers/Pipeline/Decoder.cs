namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// One decoder of a chain: rewrites the list of token strings of a whole decode; the text is what is left, concatenated. Immutable and
/// thread-safe. Chains that have a linear fast path (ByteLevel; Replace, ByteFallback, Fuse, Strip) never come here.
/// </summary>
internal abstract class Decoder
{
    /// <summary>Rewrites <paramref name="tokens"/> in place; it may also join or drop entries.</summary>
    public abstract void Decode(List<string> tokens);
}

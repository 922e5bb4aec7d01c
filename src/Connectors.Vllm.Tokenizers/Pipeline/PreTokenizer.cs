namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Cuts a piece into smaller pieces, and may rewrite them. Immutable and thread-safe. This is the general way; chains that a
/// hand-written scanner knows (see <c>Scanners/</c>) never come here.
/// </summary>
internal abstract class PreTokenizer
{
    /// <summary>Adds the parts of <paramref name="piece"/> to <paramref name="output"/>, in order.</summary>
    /// <param name="piece">Valid UTF-8, not empty. Look-around sees nothing beyond it.</param>
    /// <param name="atTextStart">The piece begins where the original text begins.</param>
    /// <param name="output">Where the parts go; it does not alias <paramref name="piece"/>.</param>
    public abstract void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output);
}

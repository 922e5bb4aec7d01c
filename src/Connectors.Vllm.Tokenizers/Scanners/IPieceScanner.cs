namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// A pre-tokenizer pattern written out by hand: finds where the piece that begins at a place ends. A type parameter, so that each pattern
/// gets its own compiled loop.
/// </summary>
internal interface IPieceScanner
{
    /// <summary>The end of the piece that begins at <paramref name="start"/>; more than start, at most end.</summary>
    /// <param name="text">First byte of the segment; valid UTF-8.</param>
    /// <param name="start">Where the piece begins.</param>
    /// <param name="end">Where the segment ends.</param>
    /// <param name="limit">
    /// For patterns that are several Splits in a row: end of the part the earlier Splits left, which this piece and its look-ahead may
    /// not cross. The scanner keeps it up to date; the caller passes 0 first.
    /// </param>
    static abstract int Next(ref byte text, int start, int end, ref int limit);
}

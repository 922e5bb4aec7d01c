namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Rewrites a segment (the text between two added tokens). Immutable and thread-safe; input is valid UTF-8 and so is the output.
/// </summary>
internal abstract class Normalizer
{
    /// <summary>
    /// Appends the normal form of <paramref name="text"/> to <paramref name="output"/> and returns true; or returns false, having
    /// appended nothing, when the text is its own normal form. Called with an empty text too. The fast answer "false" for plain ASCII
    /// is what makes normalizers cheap.
    /// </summary>
    public abstract bool TryNormalize(ReadOnlySpan<byte> text, Utf8Buffer output);

    /// <summary>
    /// True when the first character of the normal form is not made from the first character of the text, because characters were
    /// stripped on the left. Then the segment no longer counts as beginning at the text's start (matters to "Metaspace first" only).
    /// </summary>
    public virtual bool StripsStart(ReadOnlySpan<byte> text) => false;
}

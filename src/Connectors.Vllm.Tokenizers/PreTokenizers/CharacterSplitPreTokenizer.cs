namespace Connectors.Vllm.Tokenizers;

/// <summary>
/// Cuts at single characters of a set: Punctuation, Digits, WhitespaceSplit, CharDelimiterSplit. Each character is a match of its own.
/// </summary>
internal sealed class CharacterSplitPreTokenizer(CodePointSet set, SplitBehavior behavior) : PreTokenizer
{
    public override void PreTokenize(ReadOnlySpan<byte> piece, bool atTextStart, PieceList output)
    {
        var spans = SplitSpans.Rent();
        for (var i = 0; i < piece.Length;)
        {
            var codePoint = CodePoints.Read(piece, i, out var length);
            if (set.Contains(codePoint))
            {
                spans.AddMatch(i, i + length);
            }

            i += length;
        }

        spans.Finish(piece, behavior, invert: false, atTextStart, output);
        spans.Return();
    }
}
